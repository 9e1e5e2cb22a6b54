// Reads what a provider sent as what it is, values from a network: the SDKs' types are a promise that nobody checks.
import { isObject } from "./tool-arguments.ts";

export function at(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

export function textAt(value: unknown, name: string): string {
  const text = at(value, name);
  return typeof text === "string" ? text : "";
}

/** A whole count of tokens; undefined where there is none that can be believed. */
export function countAt(value: unknown, name: string): number | undefined {
  const count = at(value, name);
  return typeof count === "number" && Number.isFinite(count) && count >= 0 ? Math.ceil(count) : undefined;
}

export function listAt(value: unknown, name: string): readonly unknown[] {
  const list = at(value, name);
  return Array.isArray(list) ? list : [];
}

/** The parts of the input with prices of their own, never more than all of it; absent where there are none. */
export function cacheTokens(
  inputTokens: number,
  read: number,
  written: number,
): { readonly cacheReadTokens?: number; readonly cacheWriteTokens?: number } {
  const cacheReadTokens = Math.min(read, inputTokens);
  const cacheWriteTokens = Math.min(written, inputTokens - cacheReadTokens);
  return { ...(cacheReadTokens > 0 ? { cacheReadTokens } : {}), ...(cacheWriteTokens > 0 ? { cacheWriteTokens } : {}) };
}
