// What people said on pull requests for the apply that brings it: exactly these prunes, and, where every apply waits for a
// word, exactly these changes. Spent by it.
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { githubKeys } from "./github-keys.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface PruneWord {
  readonly prunes: number;
  /** An identity, such as `github:ada`. */
  readonly by: string;
  readonly pullRequest: number;
  readonly head: string;
  readonly at: string;
}

/** A merge that nobody makes for so long should be looked at again. */
const WORD_MS = 7 * 24 * 60 * 60_000;

/** `digest`: of the prunes, see prunesDigest. A second word on the same prunes replaces the first. */
export async function writePruneWord(redis: Redis, env: string, digest: string, word: PruneWord): Promise<void> {
  await ask(redis, () => redis.hset(githubKeys(env).pruneWords, digest, JSON.stringify(word)));
}

/** One that is too old, or cannot be read, confirms nothing. */
export async function findPruneWord(
  redis: Redis,
  env: string,
  digest: string,
  now: Date,
): Promise<PruneWord | undefined> {
  const text = await ask(redis, () => redis.hget(githubKeys(env).pruneWords, digest));
  return text === null ? undefined : youngWord(text, now);
}

function youngWord(text: string, now: Date): PruneWord | undefined {
  const word = parseWord(text);
  return word !== undefined && now.getTime() - Date.parse(word.at) < WORD_MS ? word : undefined;
}

export async function dropPruneWord(redis: Redis, env: string, digest: string): Promise<void> {
  await ask(redis, () => redis.hdel(githubKeys(env).pruneWords, digest));
}

function parseWord(text: string): PruneWord | undefined {
  const what = "a confirmation of prunes";
  try {
    const { prunes, by, pullRequest, head, at } = objectOf(what, jsonOf(what, text));
    return {
      prunes: numberOf(what, prunes),
      by: textOf(what, by),
      pullRequest: numberOf(what, pullRequest),
      head: textOf(what, head),
      at: textOf(what, at),
    };
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}

/** On changes as a whole, bound as prunes are: see changesDigest. */
export interface ApplyWord extends Omit<PruneWord, "prunes"> {
  readonly changes: number;
}

export async function writeApplyWord(redis: Redis, env: string, digest: string, word: ApplyWord): Promise<void> {
  const { changes, ...said } = word;
  const text = JSON.stringify({ ...said, prunes: changes });
  await ask(redis, () => redis.hset(githubKeys(env).applyWords, digest, text));
}

export async function findApplyWord(
  redis: Redis,
  env: string,
  digest: string,
  now: Date,
): Promise<ApplyWord | undefined> {
  const text = await ask(redis, () => redis.hget(githubKeys(env).applyWords, digest));
  const word = text === null ? undefined : youngWord(text, now);
  if (word === undefined) return undefined;
  const { prunes: changes, ...said } = word;
  return { ...said, changes };
}

export async function dropApplyWord(redis: Redis, env: string, digest: string): Promise<void> {
  await ask(redis, () => redis.hdel(githubKeys(env).applyWords, digest));
}
