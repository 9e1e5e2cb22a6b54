// Reads the arguments that a model wrote for a tool, and checks that the calls of one answer can be told apart.
import type { ToolCall } from "../../contracts/step.ts";

/** What is no JSON object is kept as `malformed`: the model is told, nothing is called. */
export function readToolCall(id: string, tool: string, written: string): ToolCall {
  const parsed = written.trim() === "" ? {} : parseObject(written);
  return parsed === undefined ? { id, tool, arguments: {}, malformed: written } : { id, tool, arguments: parsed };
}

/** Results are matched to calls by id: two calls with one id cannot both be answered. */
export function findDoubledId(calls: readonly ToolCall[]): string | undefined {
  const seen = new Set<string>();
  return calls.find(({ id }) => seen.size === seen.add(id).size)?.id;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
