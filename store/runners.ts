// The runners of an environment, as they announce themselves: for `get runners` and for telling why a task waits. Each
// decides by what it knows of itself which bells it hears.
import type { Announced } from "../contracts/matching.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { runnerKey, runnersKey } from "./keys.ts";
import { jsonOf, objectOf } from "./reply.ts";

export interface RunnerInfo extends Announced {
  readonly id: string;
  readonly startedAt: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Activations under way when it last announced itself. */
  readonly running: number;
}

/** Holds for `ttlMs`: a runner that is gone drops out by itself, or with the next announcement of another one. */
export async function announceRunner(redis: Redis, env: string, info: RunnerInfo, ttlMs: number): Promise<void> {
  const [ids, nowMs] = [runnersKey(env), Date.now()];
  await askAll(redis, () =>
    redis
      .multi()
      .set(runnerKey(env, info.id), JSON.stringify(info), "PX", ttlMs)
      .zremrangebyscore(ids, "-inf", nowMs)
      .zadd(ids, nowMs + ttlMs, info.id)
      .exec(),
  );
}

export async function forgetRunner(redis: Redis, env: string, id: string): Promise<void> {
  await askAll(redis, () => redis.multi().del(runnerKey(env, id)).zrem(runnersKey(env), id).exec());
}

/** By id. */
export async function listRunners(redis: Redis, env: string): Promise<RunnerInfo[]> {
  const ids = (await ask(redis, () => redis.zrange(runnersKey(env), "0", "-1"))).toSorted();
  if (ids.length === 0) return [];
  const texts = await ask(redis, () => redis.mget(...ids.map((id) => runnerKey(env, id))));
  return ids.flatMap((id, index) => {
    const text = texts[index];
    const what = `the announcement of runner ${id}`;
    return typeof text === "string" ? [objectOf(what, jsonOf(what, text)) as unknown as RunnerInfo] : [];
  });
}
