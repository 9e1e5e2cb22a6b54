// The tools that no manifest declares and every agent may list: those of its memory, and the one that reads artifacts.
import type { OperationClass } from "../policies/request.ts";
import { ARTIFACT_TOOL, isArtifactTool } from "./artifact-tool.ts";
import { MEMORY_OPERATIONS, memoryClass, memoryOperation, memoryToolName } from "./memory-tools.ts";

export const BUILT_IN_TOOLS: readonly string[] = [...MEMORY_OPERATIONS.map(memoryToolName), ARTIFACT_TOOL];

/** What a call of it may be; undefined: there is no such tool of ours. */
export function builtInClass(name: string): OperationClass | undefined {
  const operation = memoryOperation(name);
  if (operation !== undefined) return memoryClass(operation);
  return isArtifactTool(name) ? "read" : undefined;
}
