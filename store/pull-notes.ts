// What pull requests were shown: so that a comment is edited without a search, and that what a person saw can be told.
// Remembered, never believed: a note that is gone or cannot be read costs a request more.
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

/** Of one pull request; `at` is when it was written. */
export interface PullNote {
  /** Our comment there; null: there was none yet. */
  readonly comment: { readonly id: number; readonly author: string } | null;
  readonly shown: ShownPlan | null;
  /** The head that the comment says is being planned; null: it shows a plan, or the record of an apply. */
  readonly planning: string | null;
  readonly at: string;
}

/** The plan that the comment shows, or showed last. */
export interface ShownPlan {
  readonly head: string;
  readonly digest: string;
  readonly serial: number;
  readonly checkUrl: string | null;
}

export async function readPullNotes(redis: Redis, env: string): Promise<ReadonlyMap<number, PullNote>> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).pulls));
  return new Map(
    Object.entries(found).flatMap(([number, text]) => {
      const note = parseNote(text);
      return note === undefined ? [] : [[Number(number), note] as const];
    }),
  );
}

export async function findPullNote(redis: Redis, env: string, pull: number): Promise<PullNote | undefined> {
  const text = await ask(redis, () => redis.hget(environmentKeys(env).pulls, String(pull)));
  return text === null ? undefined : parseNote(text);
}

export async function writePullNote(redis: Redis, env: string, pull: number, note: PullNote): Promise<void> {
  await ask(redis, () => redis.hset(environmentKeys(env).pulls, String(pull), JSON.stringify(note)));
}

export async function dropPullNotes(redis: Redis, env: string, pulls: readonly number[]): Promise<void> {
  if (pulls.length === 0) return;
  await ask(redis, () => redis.hdel(environmentKeys(env).pulls, ...pulls.map(String)));
}

/** The oldest are forgotten; a branch that is set back to one of them gets a look-up less and, at worst, a check more. */
const HEADS_KEPT = 10_000;

/** Before a check is put on a head: true the first time. Whoever dies after this is told false, and looks. */
export async function claimHead(redis: Redis, env: string, head: string, nowMs: number): Promise<boolean> {
  const { checkedHeads } = environmentKeys(env);
  const added = await ask(redis, () => redis.zadd(checkedHeads, "NX", nowMs, head));
  if (added === 0) return false;
  await ask(redis, () => redis.zremrangebyrank(checkedHeads, 0, -HEADS_KEPT - 1));
  return true;
}

function parseNote(text: string): PullNote | undefined {
  const what = "the note of a pull request";
  try {
    const { comment, shown, planning, at } = objectOf(what, jsonOf(what, text));
    return {
      comment: comment === null ? null : parseComment(what, comment),
      shown: shown === null ? null : parseShown(what, shown),
      planning: planning === null ? null : textOf(what, planning),
      at: textOf(what, at),
    };
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}

function parseComment(what: string, value: unknown): NonNullable<PullNote["comment"]> {
  const { id, author } = objectOf(what, value);
  return { id: numberOf(what, id), author: textOf(what, author) };
}

function parseShown(what: string, value: unknown): ShownPlan {
  const { head, digest, serial, checkUrl } = objectOf(what, value);
  return {
    head: textOf(what, head),
    digest: textOf(what, digest),
    serial: numberOf(what, serial),
    checkUrl: checkUrl === null ? null : textOf(what, checkUrl),
  };
}
