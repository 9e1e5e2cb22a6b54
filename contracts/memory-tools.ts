// The tools of a memory: `memory.read` and its siblings. An agent has those that its `memory.allow` names.
import type { OperationClass } from "../policies/request.ts";
import type { AgentSpec } from "./kinds/agent.ts";
import type { ToolEffect } from "./step.ts";

export const MEMORY_OPERATIONS = ["read", "write", "search", "list", "ingest"] as const;
export type MemoryOperation = (typeof MEMORY_OPERATIONS)[number];

export function memoryToolName(operation: MemoryOperation): string {
  return `memory.${operation}`;
}

/** undefined: `name` is no tool of a memory. Case, `_` and `-` count as little as in other names of tools. */
export function memoryOperation(name: string): MemoryOperation | undefined {
  const wanted = name.trim().toLowerCase().replace(/[_-]/g, ".");
  return MEMORY_OPERATIONS.find((operation) => memoryToolName(operation) === wanted);
}

export function memoryClass(operation: MemoryOperation): OperationClass {
  return operation === "write" || operation === "ingest" ? "write" : "read";
}

/** Writing the same text under the same key twice leaves one entry. */
export function memoryEffect(operation: MemoryOperation): ToolEffect {
  return memoryClass(operation) === "write" ? "idempotent" : "read";
}

/** Every tool that the agent's manifest gives it: those that it lists, and those of its memory. */
export function listedTools(spec: Pick<AgentSpec, "tools" | "memory">): readonly string[] {
  const { tools = [], memory } = spec;
  const given =
    memory?.ref === undefined
      ? []
      : (memory.allow ?? []).flatMap((word) => memoryOperation(`memory.${word.replace(/^memory\./, "")}`) ?? []);
  return [...new Set([...tools, ...given.map(memoryToolName)])];
}
