// What a runner needs to know of a tool beside its classes and its effect: its definition's digest, its bounds. Pure.
import { digestOf } from "../../contracts/canonical.ts";
import { parseDuration, timerMs } from "../../contracts/duration.ts";
import type { ToolSpec } from "../../contracts/kinds/tool.ts";
import type { Reach, ToolData } from "../../policies/request.ts";
import { type DeclaredData, joinToolData } from "../../policies/tool-data.ts";
import type { McpToolAnnotations } from "../mcp/mcp-client.ts";
import type { ToolDefinition } from "../models/model.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RESULT_BYTES = 256 * 1024;

export function definitionDigest(
  { name, description, inputSchema }: ToolDefinition,
  annotations: McpToolAnnotations,
): string {
  return digestOf({ name, description, inputSchema, annotations });
}

export function timeoutMsOf(timeout: string | undefined): number {
  return timerMs(parseDuration(timeout ?? "") ?? DEFAULT_TIMEOUT_MS);
}

export function resultLimitOf({ max_result_bytes: limit }: Partial<Pick<ToolSpec, "max_result_bytes">>): number {
  return limit ?? DEFAULT_RESULT_BYTES;
}

/** A tool's `data`, left out where no manifest says anything. */
export function dataFrom(declared: readonly DeclaredData[], reach: readonly Reach[]): { readonly data?: ToolData } {
  const data = joinToolData(declared, reach);
  return data === undefined ? {} : { data };
}
