// Reads to what a policy applies. Where that cannot be read, the policy applies everywhere: its errors then deny.
import type { Scope, SpecError } from "../compiled.ts";
import { scopedKey } from "../names.ts";
import { type Fields, readEntries, readWord } from "./read.ts";

export function compileScope(fields: Fields, namespace: string, errors: SpecError[]): Scope {
  const before = errors.length;
  const key = (name: string): string => scopedKey(namespace, name);
  const mode = readWord(fields, "apply_mode", "spec", ["scoped", "global"], "scoped", errors);
  const systems = readEntries(fields, "target_systems", "spec", key, errors);
  const tasks = readEntries(fields, "target_tasks", "spec", key, errors);
  const agents = readEntries(fields, "target_agents", "spec", key, errors);
  if (errors.length > before) return { everywhere: true, systems: [], tasks: [], agents: [] };
  return { everywhere: mode === "global", systems, tasks, agents };
}
