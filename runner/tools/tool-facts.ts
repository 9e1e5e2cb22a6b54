// What the gate and the ladder need to know of a tool: its effect, its operation classes, its definition's digest. Pure.
import { digestOf } from "../../contracts/canonical.ts";
import { parseDuration } from "../../contracts/duration.ts";
import type { ToolSpec } from "../../contracts/kinds/tool.ts";
import type { ToolEffect } from "../../contracts/step.ts";
import type { OperationClass } from "../../policies/request.ts";
import type { McpToolAnnotations } from "../mcp/mcp-client.ts";
import type { ToolDefinition } from "../models/model.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RESULT_BYTES = 256 * 1024;

type Facts = Partial<Pick<ToolSpec, "effect" | "operation_classes" | "risk_level">>;

/** The manifest's word first; what a server claims of itself comes after it, and silence means the worst. */
export function effectOf(
  { effect, operation_classes: classes = [] }: Facts,
  annotations: McpToolAnnotations,
): ToolEffect {
  if (effect !== undefined) return effect;
  if (classes.length > 0) return classes.every((operation) => operation === "read") ? "read" : "write";
  if (annotations.readOnlyHint === true) return "read";
  return annotations.idempotentHint === true ? "idempotent" : "write";
}

/** Of a Tool manifest: read, or write where the risk is high, unless it says more. */
export function declaredClasses({
  operation_classes: classes = [],
  risk_level: risk,
}: Facts): readonly OperationClass[] {
  if (classes.length > 0) return classes;
  return risk === "high" || risk === "critical" ? ["write"] : ["read"];
}

/**
 * Of a tool that only its server describes. `destructiveHint` is true by default in the protocol, so it tells nothing
 * that would make a write a delete.
 */
export function discoveredClasses(annotations: McpToolAnnotations): readonly OperationClass[] {
  return annotations.readOnlyHint === true ? ["read"] : ["write"];
}

export function definitionDigest(
  { name, description, inputSchema }: ToolDefinition,
  annotations: McpToolAnnotations,
): string {
  return digestOf({ name, description, inputSchema, annotations });
}

export function timeoutMsOf(timeout: string | undefined): number {
  return parseDuration(timeout ?? "") ?? DEFAULT_TIMEOUT_MS;
}

export function resultLimitOf({ max_result_bytes: limit }: Partial<Pick<ToolSpec, "max_result_bytes">>): number {
  return limit ?? DEFAULT_RESULT_BYTES;
}
