// The history of an environment: one entry per apply, newest first.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface HistoryEntry {
  readonly serial: number;
  readonly planId: string;
  readonly planDigest: string;
  readonly commit: string | null;
  readonly appliedAt: string;
  /** What the caller of applyPlan put into `history`. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export async function readHistory(redis: Redis, env: string, limit: number): Promise<HistoryEntry[]> {
  const entries = await ask(redis, () => redis.xrevrange(environmentKeys(env).history, "+", "-", "COUNT", limit));
  return entries.map(([id, fields]) => readEntry(`history entry ${id} of environment ${env}`, fields[3]));
}

function readEntry(what: string, text: unknown): HistoryEntry {
  const entry = objectOf(what, jsonOf(what, text));
  return {
    serial: numberOf(what, entry["serial"]),
    planId: textOf(what, entry["planId"]),
    planDigest: textOf(what, entry["planDigest"]),
    commit: entry["commit"] === null ? null : textOf(what, entry["commit"]),
    appliedAt: textOf(what, entry["appliedAt"]),
    facts: objectOf(what, entry["facts"]),
  };
}
