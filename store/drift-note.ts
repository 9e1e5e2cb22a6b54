// The one issue that tells of an environment's drift: which it is, and what it was told last. Remembered, never believed:
// whoever reads it asks GitHub whether the issue is there, and searches where the note is gone.
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { githubKeys } from "./github-keys.ts";
import { type LockAnswer, type LockRequest, takeLock } from "./held-lock.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface DriftNote {
  readonly issue: { readonly number: number; readonly author: string } | null;
  /** Of the drift that was told; null: that there is none. */
  readonly told: string | null;
}

export async function readDriftNote(redis: Redis, env: string): Promise<DriftNote> {
  const text = await ask(redis, () => redis.get(githubKeys(env).driftIssue));
  return (text === null ? undefined : parseNote(text)) ?? { issue: null, told: null };
}

export async function writeDriftNote(redis: Redis, env: string, note: DriftNote): Promise<void> {
  await ask(redis, () => redis.set(githubKeys(env).driftIssue, JSON.stringify(note)));
}

/** Whoever searches for the issue and opens one holds this: two at once would open two. */
export function acquireDriftLock(redis: Redis, env: string, request: LockRequest): Promise<LockAnswer> {
  return takeLock(redis, { key: githubKeys(env).driftLock, what: `the drift report of environment ${env}` }, request);
}

function parseNote(text: string): DriftNote | undefined {
  const what = "the note of the drift issue";
  try {
    const { issue, told } = objectOf(what, jsonOf(what, text));
    return { issue: issue === null ? null : parseIssue(what, issue), told: told === null ? null : textOf(what, told) };
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}

function parseIssue(what: string, value: unknown): NonNullable<DriftNote["issue"]> {
  const { number, author } = objectOf(what, value);
  return { number: numberOf(what, number), author: textOf(what, author) };
}
