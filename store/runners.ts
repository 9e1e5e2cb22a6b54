// The runners of an environment, as they announce themselves: for people and `get workers`, never for a decision.
import type { Redis } from "./connect.ts";
import { runnerKey, runnersKey } from "./keys.ts";

export interface RunnerInfo {
  readonly id: string;
  readonly startedAt: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Activations under way when it last announced itself. */
  readonly running: number;
  readonly region?: string;
  readonly gpu: boolean;
  readonly models: readonly string[];
}

/** Holds for `ttlMs`: a runner that is gone drops out by itself. */
export async function announceRunner(redis: Redis, env: string, info: RunnerInfo, ttlMs: number): Promise<void> {
  await Promise.all([
    redis.set(runnerKey(env, info.id), JSON.stringify(info), "PX", ttlMs),
    redis.sadd(runnersKey(env), info.id),
  ]);
}

export async function forgetRunner(redis: Redis, env: string, id: string): Promise<void> {
  await Promise.all([redis.del(runnerKey(env, id)), redis.srem(runnersKey(env), id)]);
}

/** By id. Those whose announcement has expired are dropped from the list for good. */
export async function listRunners(redis: Redis, env: string): Promise<RunnerInfo[]> {
  const ids = (await redis.smembers(runnersKey(env))).toSorted();
  if (ids.length === 0) return [];
  const texts = await redis.mget(...ids.map((id) => runnerKey(env, id)));
  const gone = ids.filter((_, index) => texts[index] === null);
  if (gone.length > 0) await redis.srem(runnersKey(env), ...gone);
  return texts.flatMap((text) => (typeof text === "string" ? [JSON.parse(text) as RunnerInfo] : []));
}
