// Previews of pull requests: what is kept of each, who may be at work in it, and the word that a head may run.
import { PermanentFailure } from "../contracts/failure.ts";
import { PREVIEW_PHASES, type Preview } from "../contracts/preview.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { previewKeys } from "./preview-keys.ts";
import { corrupt, isObject, jsonOf, objectOf, textOf } from "./reply.ts";

/** By number of the pull request. Throws PermanentFailure STATE_CORRUPT, naming one that nobody can read. */
export async function readPreviews(redis: Redis, env: string): Promise<readonly Preview[]> {
  const found = await ask(redis, () => redis.hgetall(previewKeys(env).previews));
  const previews = Object.entries(found).map(([number, text]) => readPreview(number, text));
  return previews.toSorted((a, b) => a.pullRequest - b.pullRequest);
}

export async function findPreview(redis: Redis, env: string, pull: number): Promise<Preview | undefined> {
  const text = await ask(redis, () => redis.hget(previewKeys(env).previews, String(pull)));
  return text === null ? undefined : readPreview(String(pull), text);
}

export async function writePreview(redis: Redis, env: string, preview: Preview): Promise<void> {
  const { previews } = previewKeys(env);
  await ask(redis, () => redis.hset(previews, String(preview.pullRequest), JSON.stringify(preview)));
}

export async function forgetPreview(redis: Redis, env: string, pull: number): Promise<void> {
  await ask(redis, () => redis.hdel(previewKeys(env).previews, String(pull)));
}

/** What the store itself reads of it is looked at; the rest is as whoever wrote it had it. */
function readPreview(number: string, text: string): Preview {
  const what = `the preview of #${number}`;
  const fields = objectOf(what, jsonOf(what, text));
  const { pullRequest, phase, tasks, remarks, env } = fields;
  const isWhole =
    String(pullRequest) === number &&
    PREVIEW_PHASES.some((known) => known === phase) &&
    typeof env === "string" &&
    Array.isArray(tasks) &&
    Array.isArray(remarks);
  if (!isWhole) throw corrupt(what, "it is none of this pull request");
  return fields as unknown as Preview;
}

const DAYS_KEPT_MS = 2 * 24 * 60 * 60_000;

/** How many were started since then. */
export async function countPreviewStarts(redis: Redis, env: string, sinceMs: number): Promise<number> {
  return await ask(redis, () => redis.zcount(previewKeys(env).starts, sinceMs, "+inf"));
}

export async function notePreviewStart(redis: Redis, env: string, id: string, nowMs: number): Promise<void> {
  const { starts } = previewKeys(env);
  await askAll(redis, () =>
    redis
      .multi()
      .zadd(starts, nowMs, id)
      .zremrangebyscore(starts, "-inf", nowMs - DAYS_KEPT_MS)
      .exec(),
  );
}

/**
 * A runner says so before it looks whether the preview still runs, and whoever takes the preview down looks for runners only
 * once it does not: so either sees the other.
 */
export async function enterPreview(
  redis: Redis,
  env: string,
  { pull, runner, ttlMs }: { readonly pull: number; readonly runner: string; readonly ttlMs: number },
): Promise<void> {
  await ask(redis, () => redis.zadd(previewKeys(env).runners, Date.now() + ttlMs, `${pull} ${runner}`));
}

export async function leavePreview(redis: Redis, env: string, pull: number, runner: string): Promise<void> {
  await ask(redis, () => redis.zrem(previewKeys(env).runners, `${pull} ${runner}`));
}

/** Whether a runner may still be at work in it. */
export async function isEntered(redis: Redis, env: string, pull: number): Promise<boolean> {
  const { runners } = previewKeys(env);
  await ask(redis, () => redis.zremrangebyscore(runners, "-inf", Date.now()));
  const members = await ask(redis, () => redis.zrange(runners, "0", "-1"));
  return members.some((member) => member.startsWith(`${pull} `));
}

/** That somebody wants this head to run: for heads that do not by themselves, and for another time. */
export interface PreviewWord {
  readonly head: string;
  /** An identity, such as `github:ada`. */
  readonly by: string;
}

export async function writePreviewWord(redis: Redis, env: string, pull: number, word: PreviewWord): Promise<void> {
  await ask(redis, () => redis.hset(previewKeys(env).words, String(pull), JSON.stringify(word)));
}

/** One that cannot be read is none. */
export async function findPreviewWord(redis: Redis, env: string, pull: number): Promise<PreviewWord | undefined> {
  const text = await ask(redis, () => redis.hget(previewKeys(env).words, String(pull)));
  return text === null ? undefined : parseWord(text);
}

export async function dropPreviewWord(redis: Redis, env: string, pull: number): Promise<void> {
  await ask(redis, () => redis.hdel(previewKeys(env).words, String(pull)));
}

/** Drops those on other pull requests than these. */
export async function keepPreviewWords(redis: Redis, env: string, pulls: readonly number[]): Promise<void> {
  const { words } = previewKeys(env);
  const others = (await ask(redis, () => redis.hkeys(words))).filter((number) => !pulls.includes(Number(number)));
  if (others.length > 0) await ask(redis, () => redis.hdel(words, ...others));
}

function parseWord(text: string): PreviewWord | undefined {
  const what = "a word on a preview";
  try {
    const value = jsonOf(what, text);
    return isObject(value) ? { head: textOf(what, value["head"]), by: textOf(what, value["by"]) } : undefined;
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}
