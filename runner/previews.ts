// Works in the previews of an environment, too: a runner of its own in each that runs, under the environment's policies as
// they are now, and out of it again once it is over.
import { setTimeout as wait } from "node:timers/promises";
import { failureRecord } from "../contracts/failure.ts";
import type { Preview } from "../contracts/preview.ts";
import { closeRedis, connectRedis, type Redis } from "../store/connect.ts";
import { isPreviewOf } from "../store/preview-environment.ts";
import { enterPreview, findPreview, leavePreview, readPreviews } from "../store/previews.ts";
import { RUNNER_LIMITS } from "./limits.ts";
import { type RunnerOptions, type RunningRunner, startRunner } from "./runner.ts";

export interface PreviewRunners {
  /** Activations under way in all of them. */
  running(): number;
  /** As that of a runner. */
  drain(timeoutMs: number): Promise<number>;
}

/** `options`: those of the runner in the environment itself. */
export function startPreviewRunners(
  options: RunnerOptions,
  roundMs: number = RUNNER_LIMITS.previews.roundMs,
): PreviewRunners {
  const redis = connectRedis(options.redisUrl, "command", options.stateKey);
  const stopping = new AbortController();
  const work: Work = { options, redis, stopping: stopping.signal, inside: new Map() };
  const rounds = keepRounds(work, roundMs);
  return {
    running: () => [...work.inside.values()].reduce((total, { runner }) => total + runner.running(), 0),
    async drain(timeoutMs) {
      stopping.abort();
      await rounds;
      const handedBack = await Promise.all([...work.inside.keys()].map((pull) => leave(work, pull, timeoutMs)));
      await closeRedis(redis);
      return handedBack.reduce((total, count) => total + count, 0);
    },
  };
}

interface Inside {
  /** Of the preview: another one of the same pull request is another one. */
  readonly id: string;
  readonly runner: RunningRunner;
}

interface Work {
  readonly options: RunnerOptions;
  readonly redis: Redis;
  readonly stopping: AbortSignal;
  /** By number of the pull request. */
  readonly inside: Map<number, Inside>;
}

async function keepRounds(work: Work, roundMs: number): Promise<void> {
  const { options, stopping } = work;
  while (!stopping.aborted) {
    await round(work).catch((error: unknown) => options.say(lineOf(error)));
    await wait(roundMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}

function lineOf(error: unknown): string {
  return `previews: ${failureRecord(error).message}`;
}

async function round(work: Work): Promise<void> {
  const { redis, options, inside, stopping } = work;
  const previews = await readPreviews(redis, options.env);
  const running = new Map(previews.filter(isRunning).map((preview) => [preview.pullRequest, preview]));
  // At once: one that takes its time must not let this runner be counted out of another.
  await Promise.all(
    [...inside].map(async ([pull, { id }]) => {
      if (running.get(pull)?.id === id) await stay(work, pull);
      else await leave(work, pull, RUNNER_LIMITS.previews.drainMs);
    }),
  );
  if (stopping.aborted) return;
  const others = [...running.values()].filter(({ pullRequest }) => !inside.has(pullRequest));
  await Promise.all(others.map((preview) => enter(work, preview)));
}

function isRunning({ phase }: Preview): boolean {
  return phase === "running";
}

function stay({ redis, options: { env, id } }: Work, pull: number): Promise<void> {
  return enterPreview(redis, env, { pull, runner: id, ttlMs: RUNNER_LIMITS.previews.staysMs });
}

/** Said first, looked at then: whoever takes it down meanwhile sees this runner, or is seen by it. */
async function enter(work: Work, { pullRequest: pull, id }: Preview): Promise<void> {
  const { redis, options, inside } = work;
  await stay(work, pull);
  const preview = await findPreview(redis, options.env, pull);
  const isThere = preview?.id === id && isRunning(preview) && (await isPreviewOf(redis, preview.env, options.env));
  if (!isThere) return leavePreview(redis, options.env, pull, options.id);
  const { retention: _retention, ...others } = options;
  const concurrency = Math.min(options.concurrency, RUNNER_LIMITS.previews.concurrency);
  const runner = await startRunner({ ...others, env: preview.env, lawEnv: options.env, concurrency });
  inside.set(pull, { id, runner });
  options.say(`${options.id}: works in the preview of #${pull}, environment ${preview.env}`);
}

async function leave({ redis, options, inside }: Work, pull: number, timeoutMs: number): Promise<number> {
  const found = inside.get(pull);
  if (found === undefined) return 0;
  const handedBack = await found.runner.drain(timeoutMs);
  inside.delete(pull);
  // Where Redis is away, it counts as being there for a while.
  await leavePreview(redis, options.env, pull, options.id).catch((error: unknown) => options.say(lineOf(error)));
  return handedBack;
}
