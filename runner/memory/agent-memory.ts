// The memory tools of one agent, over the memory that its manifest names.

import type { MemoryOperation } from "../../contracts/memory-tools.ts";
import { type ReachGround, reachOfMemory } from "../../contracts/reach.ts";
import type { FoundMemory } from "../tools/find-manifest.ts";
import type { Tool } from "../tools/tool.ts";
import type { Memory, Provenance } from "./memory.ts";
import { memoryTool } from "./memory-tools.ts";
import { type MemoryDeps, openMemory } from "./open-memory.ts";

/** Answers undefined for an agent without a memory: then nothing provides the tool. */
export type FindMemoryTool = (operation: MemoryOperation) => Tool | undefined;

export function agentMemory(
  found: FoundMemory | undefined,
  deps: MemoryDeps,
  written: () => Provenance,
  hasSecret: ReachGround["hasSecret"],
): FindMemoryTool {
  if (found === undefined) return () => undefined;
  const memory = openLate(() => openMemory(found, deps));
  const { spec, namespace } = found;
  const reach = reachOfMemory(spec, { namespace, hasSecret });
  return (operation) => memoryTool(operation, memory, written, spec, reach);
}

/** A memory that cannot be used fails the call, not the agent, which may do without it. */
function openLate(open: () => Memory): Memory {
  return {
    read: async (key, signal) => open().read(key, signal),
    write: async (entries, signal) => open().write(entries, signal),
    search: async (query, limit, signal) => open().search(query, limit, signal),
    list: async (prefix, limit, signal) => open().list(prefix, limit, signal),
  };
}
