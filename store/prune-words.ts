// What people confirmed on pull requests: exactly these prunes, for the apply that brings them. Spent by it.
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
  const word = text === null ? undefined : parseWord(text);
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
