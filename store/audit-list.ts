// The audit list: where the traces of dropped tasks ended, chained entry by entry, so that a trace that was exported can
// still be held against what Redis says of it, and no entry can be taken out or changed unseen.
import { canonicalJson, digestText } from "../contracts/canonical.ts";
import { taskId } from "../contracts/new-task.ts";
import type { TaskRef } from "../contracts/task.ts";
import { type ChainHead, chainStart } from "../contracts/trace.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";
import { appendAuditEntry } from "./scripts/append-audit-entry.ts";

export interface AuditEntry {
  /** Counted from 1 without gaps. */
  readonly number: number;
  /** `<namespace>/<name>`. */
  readonly task: string;
  readonly phase: string;
  /** How many events its trace had, and the hash of the last. */
  readonly events: number;
  readonly head: string;
  readonly prev: string;
  readonly hash: string;
}

export type AuditVerdict =
  | { readonly outcome: "intact"; readonly entries: number }
  | { readonly outcome: "broken"; readonly number: number };

const CHUNK = 1_000;

/** Keeps where a trace ended. One that is in the list stays there as it is. */
export async function keepTraceHead(redis: Redis, ref: TaskRef, phase: string, trace: ChainHead): Promise<void> {
  for (;;) {
    const last = await readLast(redis, ref.env);
    const number = (last?.number ?? 0) + 1;
    const prev = last?.hash ?? listStart(ref.env);
    const body = { number, task: taskId(ref), phase, events: trace.seq, head: trace.head, prev };
    const entry: AuditEntry = { ...body, hash: digestText(canonicalJson(body)) };
    if ((await appendAuditEntry(redis, ref.env, entry)) !== "moved") return;
  }
}

/** In order. */
export async function readAuditList(redis: Redis, env: string): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (;;) {
    const from = `(${entries.at(-1)?.number ?? 0}-0`;
    const found = await ask(redis, () => redis.xrange(environmentKeys(env).audit, from, "+", "COUNT", CHUNK));
    entries.push(...found.map(([id, fields]) => readEntry(env, id, fields[1])));
    if (found.length < CHUNK) return entries;
  }
}

/** Checks every number, link and hash. `number` is the first entry that cannot be believed. */
export function verifyAuditList(env: string, entries: readonly AuditEntry[]): AuditVerdict {
  let prev = listStart(env);
  for (const [index, { hash, ...body }] of entries.entries()) {
    const number = index + 1;
    const holds = body.number === number && body.prev === prev && digestText(canonicalJson(body)) === hash;
    if (!holds) return { outcome: "broken", number };
    prev = hash;
  }
  return { outcome: "intact", entries: entries.length };
}

/** Binds the list to its environment, as chainStart binds a trace to its task. */
function listStart(env: string): string {
  return chainStart(`the audit list of ${env}`);
}

async function readLast(redis: Redis, env: string): Promise<AuditEntry | undefined> {
  const [last] = await ask(redis, () => redis.xrevrange(environmentKeys(env).audit, "+", "-", "COUNT", 1));
  return last === undefined ? undefined : readEntry(env, last[0], last[1][1]);
}

function readEntry(env: string, id: string, text: unknown): AuditEntry {
  const what = `the audit list of ${env} at ${id}`;
  const entry = objectOf(what, jsonOf(what, text));
  return {
    number: numberOf(what, entry["number"]),
    task: textOf(what, entry["task"]),
    phase: textOf(what, entry["phase"]),
    events: numberOf(what, entry["events"]),
    head: textOf(what, entry["head"]),
    prev: textOf(what, entry["prev"]),
    hash: textOf(what, entry["hash"]),
  };
}
