// Commands from pull requests: up to where their comments were read, which were carried out, and that somebody has heard of one.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { githubKeys } from "./github-keys.ts";

/** A webhook told of a command: whoever leads looks for it. */
export async function noteCommand(redis: Redis, env: string): Promise<void> {
  await ask(redis, () => redis.set(githubKeys(env).commandHeard, "1"));
}

/** Whether one was told of since this was asked last. */
export async function takeCommandNote(redis: Redis, env: string): Promise<boolean> {
  return (await ask(redis, () => redis.getdel(githubKeys(env).commandHeard))) !== null;
}

/** By GitHub's clock; null: nobody has read any yet. */
export async function readCommandCursor(redis: Redis, env: string): Promise<string | null> {
  const text = await ask(redis, () => redis.get(githubKeys(env).commandCursor));
  return text !== null && !Number.isNaN(Date.parse(text)) ? text : null;
}

export async function writeCommandCursor(redis: Redis, env: string, at: string): Promise<void> {
  await ask(redis, () => redis.set(githubKeys(env).commandCursor, at));
}

/** Far more than are read again; what is older is older than any command that still counts. */
const KEPT = 10_000;

export async function isCarriedOut(redis: Redis, env: string, comment: number | string): Promise<boolean> {
  return (await ask(redis, () => redis.zscore(githubKeys(env).commandsDone, String(comment)))) !== null;
}

export async function noteCarriedOut(
  redis: Redis,
  env: string,
  comment: number | string,
  nowMs: number,
): Promise<void> {
  const { commandsDone } = githubKeys(env);
  await ask(redis, () => redis.zadd(commandsDone, nowMs, String(comment)));
  await ask(redis, () => redis.zremrangebyrank(commandsDone, 0, -KEPT - 1));
}
