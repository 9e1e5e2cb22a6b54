// The outbox: what people should see on GitHub, kept until the report has posted it. Entries on one subject coalesce.
import { type OutboxEntry, outboxSubject } from "../contracts/outbox.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, isObject, jsonOf } from "./reply.ts";
import { dropEntries } from "./scripts/drop-outbox.ts";
import { pushEntry } from "./scripts/push-outbox.ts";

export interface OutboxItem {
  /** `<number>:<subject>`. */
  readonly id: string;
  readonly entry: OutboxEntry;
}

/** Where nobody reports to GitHub, nobody empties the outbox: the oldest subjects fall out of it. */
export const OUTBOX_SUBJECTS = 1_000;

/** Replaces an earlier entry on the same subject; the new one has a new id and goes to the end. */
export async function pushOutbox(redis: Redis, env: string, entry: OutboxEntry): Promise<void> {
  await pushEntry(redis, env, [outboxSubject(entry), JSON.stringify(entry)], OUTBOX_SUBJECTS);
}

/** Oldest first. Throws PermanentFailure STATE_CORRUPT, naming an entry that nobody can read. */
export async function readOutbox(redis: Redis, env: string, limit: number): Promise<OutboxItem[]> {
  const keys = environmentKeys(env);
  const subjects = await ask(redis, () => redis.zrange(keys.outboxOrder, "0", String(limit - 1)));
  if (subjects.length === 0) return [];
  const values = await ask(redis, () => redis.hmget(keys.outbox, ...subjects));
  return subjects.flatMap((subject, index) => {
    const value = values[index];
    return typeof value === "string" ? [readItem(subject, value)] : [];
  });
}

/** Drops what was posted. An entry that was replaced in the meantime has another id and stays. */
export async function dropOutbox(redis: Redis, env: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const entries = ids.map((id) => [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)] as const);
  await dropEntries(redis, env, entries);
}

function readItem(subject: string, value: string): OutboxItem {
  const number = value.slice(0, value.indexOf(" "));
  const what = `the outbox entry ${subject}`;
  const entry = jsonOf(what, value.slice(number.length + 1));
  if (!isOutboxEntry(entry) || outboxSubject(entry) !== subject) throw corrupt(what, "it is no entry on this subject");
  return { id: `${number}:${subject}`, entry };
}

function isOutboxEntry(value: unknown): value is OutboxEntry {
  if (!isObject(value)) return false;
  switch (value["kind"]) {
    case "plan":
      return typeof value["pullRequest"] === "number" && isObject(value["plan"]);
    case "unplanned":
      return typeof value["pullRequest"] === "number" && typeof value["message"] === "string";
    case "applied":
      return typeof value["commit"] === "string" && isObject(value["plan"]);
    case "preview":
      return isObject(value["preview"]) && Array.isArray(value["preview"]["tasks"]);
    case "drift":
      return isObject(value["report"]) && isObject(value["report"]["counts"]);
    case "task":
      return isObject(value["task"]) && typeof value["task"]["name"] === "string";
    default:
      return false;
  }
}
