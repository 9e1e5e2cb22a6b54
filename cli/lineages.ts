// Which states this machine has applied to. Apart from the writer: who only plans should not wait for a queue's modules.
import { join } from "node:path";
import { fileLineageMemory, type LineageMemory } from "../reconciler/apply/lineage-memory.ts";
import type { Host } from "./host.ts";
import { say } from "./output.ts";
import { countwheelHome } from "./repository-root.ts";

/** Which state was applied to from this directory: kept beside the embedded server, not in it. */
export function lineageMemory(host: Host, server: string, env: string): LineageMemory {
  const folder = join(countwheelHome(host.config, host.cwd), "lineages");
  return fileLineageMemory({ folder, env, server, say: (line) => say(host, line) });
}
