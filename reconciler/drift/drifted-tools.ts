// The pinned tools of MCP servers that are not what they were, for plans: what runners saw, and nothing that is asked now.
import { type ObservedState, recordsOfKind } from "../../contracts/record.ts";
import type { Redis } from "../../store/connect.ts";
import { readTools } from "../../store/sightings.ts";
import type { WorldFinding } from "./probe.ts";
import { lookAtPins } from "./probes/pins.ts";

export async function readDriftedTools(
  redis: Redis,
  env: string,
  { records }: Pick<ObservedState, "records">,
): Promise<readonly WorldFinding[]> {
  return (await lookAtPins(recordsOfKind(records, "McpServer"), () => readTools(redis, env))).findings;
}
