// Reads an entry as some memory kept it: it may hold anything, for others write there, too.
import { PermanentFailure } from "../../contracts/failure.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { MemoryEntry, Provenance } from "./memory.ts";

export function readEntry(label: string, key: string, text: string): MemoryEntry {
  const entry = entryOf(key, parse(text));
  if (entry !== undefined) return entry;
  throw new PermanentFailure("MEMORY_UNREADABLE", `${label}: the entry \`${key}\` is none of Countwheel's`);
}

/** undefined: not the shape of an entry. */
export function entryOf(key: string, value: unknown): MemoryEntry | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { value: text, written } = value as Readonly<Record<string, unknown>>;
  return typeof text === "string" && isProvenance(written) ? { key, value: text, written } : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller names the entry.
    return undefined;
  }
}

function isProvenance(value: unknown): value is Provenance {
  if (typeof value !== "object" || value === null) return false;
  const { task, agent, activation, at, labels } = value as Readonly<Record<string, unknown>>;
  return [task, agent, activation, at].every((field) => typeof field === "string") && isLabels(labels);
}

/** Labels that cannot be read make the entry unreadable: it must not pass for one without. */
function isLabels(value: unknown): boolean {
  if (value === undefined) return true;
  return Array.isArray(value) && value.length <= MEMORY_LIMITS.labels && value.every(isLabel);
}

function isLabel(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { label, from } = value as Readonly<Record<string, unknown>>;
  return typeof label === "string" && label !== "" && typeof from === "string";
}
