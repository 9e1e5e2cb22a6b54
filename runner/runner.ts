// A runner: takes activations from the queue of one environment, sweeps, announces itself, and stops in order.
import { setTimeout as wait } from "node:timers/promises";
import { failureRecord } from "../contracts/failure.ts";
import type { Announced } from "../contracts/matching.ts";
import type { StateKey } from "../contracts/state-key.ts";
import { hearCalls } from "../store/calls.ts";
import { closeRedis, connectRedis, type Redis } from "../store/connect.ts";
import { findHeldBy } from "../store/held-by.ts";
import { type ActivationQueue, openQueue } from "../store/queue.ts";
import { Retention, type RetentionRules } from "../store/retention.ts";
import { announceRunner, forgetRunner } from "../store/runners.ts";
import { SnapshotRetention } from "../store/snapshot-retention.ts";
import { readSnapshot } from "../store/snapshots.ts";
import { sweepTasks } from "../store/sweep.ts";
import { type ActivationWorker, startActivationWorker } from "../store/worker.ts";
import { runActivation } from "./activation.ts";
import { DefinitionCache } from "./definition-cache.ts";
import type { RunnerParts } from "./held.ts";
import { Holdings } from "./holdings.ts";
import { RUNNER_LIMITS } from "./limits.ts";
import { openWorkshop, type WorkshopOptions } from "./workshop.ts";

export interface RunnerOptions {
  readonly redisUrl: string;
  /** The state, and with it every policy, must be sealed by it. */
  readonly stateKey?: StateKey | undefined;
  readonly env: string;
  /** Of a preview: the environment whose policies and suspensions hold there, as they are now. */
  readonly lawEnv?: string;
  /** Names the holder in leases and traces: letters, digits, `.`, `_`, `-`. No two runners may share it. */
  readonly id: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  /** It gets the tasks whose requirements this meets. */
  readonly announced: Announced;
  readonly secrets: WorkshopOptions["secrets"];
  /** Goes before what the environment's settings say. */
  readonly retention?: Partial<RetentionRules> | undefined;
  /** Where MCP servers are started. */
  readonly cwd: string;
  /** Absolute paths of folders and files that no sandboxed command sees. */
  readonly hiddenPlaces: readonly string[];
  /** Programs that servers and CLI tools may be; null: any. See `CommandGround`. */
  readonly allowedCommands: readonly string[] | null;
  /** Images that servers may run from, with `*`; none where nothing is said. */
  readonly allowedImages?: readonly string[];
  /** Hosts of HTTP tools that may lead to private addresses. */
  readonly privateHosts: readonly string[];
  readonly callbackUrl?: WorkshopOptions["callbackUrl"];
  readonly wasmFolders?: WorkshopOptions["wasmFolders"];
  readonly now: () => Date;
  readonly random: () => number;
  readonly newId: () => string;
  readonly say: (line: string) => void;
}

export interface RunningRunner {
  readonly id: string;
  /** Activations under way. */
  running(): number;
  /** Takes nothing new, waits up to `timeoutMs`, hands the rest back, and closes everything. Answers how many it handed back. */
  drain(timeoutMs: number): Promise<number>;
}

/** Resolves once activations are being taken. */
export async function startRunner(options: RunnerOptions): Promise<RunningRunner> {
  const { redisUrl, stateKey, env, id, concurrency, leaseMs } = options;
  const redis = connectRedis(redisUrl, "command", stateKey);
  const bells = connectRedis(redisUrl, "worker");
  const calls = connectRedis(redisUrl, "worker");
  const holdings = new Holdings();
  hearCalls(calls, env, (task) => holdings.lookNow(task));
  const queue = openQueue(redis, env);
  const workshop = openWorkshop({ ...options, redis });
  const definitions = new DefinitionCache((digest) => readSnapshot(redis, env, digest), RUNNER_LIMITS.snapshots);
  const work = new Set<Promise<void>>();
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const parts: RunnerParts = { ...options, redis, queue, definitions, workshop, holdings, isStopping };
  await resume(options, redis, queue);
  const worker = startActivationWorker({
    redis: bells,
    env,
    concurrency,
    announced: options.announced,
    leaseMs,
    process: (job, bell) => tracked(work, runActivation(parts, job, bell)),
    onError: (error) => options.say(`${id}: ${lineOf(error)}`),
  });
  const rounds = keepRounds({ options, redis, queue, worker, running: () => work.size, stopping: stopping.signal });
  await worker.ready();
  const close = async (): Promise<void> => {
    await workshop.close();
    await forgetRunner(redis, env, id).catch(() => options.say(`${id}: its announcement is left to expire`));
    await queue.close();
    await Promise.all([closeRedis(redis), closeRedis(bells), closeRedis(calls)]);
  };
  return { id, running: () => work.size, drain: (timeoutMs) => drain({ stopping, rounds, worker, close }, timeoutMs) };
}

/** Rings at once for what this runner held in a former life: a lease passes to its own holder without waiting. */
async function resume({ env, id, say }: RunnerOptions, redis: Redis, queue: ActivationQueue): Promise<void> {
  try {
    const held = await findHeldBy(redis, env, id);
    if (held.length === 0) return;
    await queue.ringAnew(held);
    say(`${id}: goes on with ${held.length} activations of its former life`);
  } catch (error) {
    say(`${id}: what it held before waits for its leases to end: ${lineOf(error)}`);
  }
}

interface Stoppable {
  readonly stopping: AbortController;
  readonly rounds: Promise<void>;
  readonly worker: ActivationWorker;
  readonly close: () => Promise<void>;
}

/** In order: no new work, the work under way, then what it used. */
async function drain({ stopping, rounds, worker, close }: Stoppable, timeoutMs: number): Promise<number> {
  stopping.abort();
  const handedBack = await worker.drain(timeoutMs);
  await worker.close();
  await rounds;
  await close();
  return handedBack;
}

async function tracked(work: Set<Promise<void>>, running: Promise<void>): Promise<void> {
  work.add(running);
  try {
    await running;
  } finally {
    work.delete(running);
  }
}

interface Rounds {
  readonly options: RunnerOptions;
  readonly redis: Redis;
  readonly queue: ActivationQueue;
  readonly worker: ActivationWorker;
  readonly running: () => number;
  readonly stopping: AbortSignal;
}

/** What a runner does besides its work, again and again: announces itself and looks for lost bells. */
async function keepRounds({ options, redis, queue, worker, running, stopping }: Rounds): Promise<void> {
  const { env, id, concurrency, leaseMs, announced } = options;
  const startedAt = options.now().toISOString();
  const retention = new Retention(redis, env, RUNNER_LIMITS.retention, options.retention);
  const snapshots = new SnapshotRetention(redis, env, RUNNER_LIMITS.snapshotRetention);
  let restUntilMs = Number.NEGATIVE_INFINITY;
  const round = async (): Promise<void> => {
    const info = { id, startedAt, concurrency, leaseMs, running: running(), ...announced };
    await announceRunner(redis, env, info, RUNNER_LIMITS.announceMs);
    await worker.look();
    const begunMs = performance.now();
    if (begunMs < restUntilMs) return;
    await sweepTasks(redis, queue);
    await retention.step(options.now().getTime());
    await snapshots.step(begunMs);
    const endedMs = performance.now();
    restUntilMs = endedMs + (endedMs - begunMs) / RUNNER_LIMITS.sweepShare;
  };
  while (!stopping.aborted) {
    // A server that is away is no reason to end: the next round finds it, or the one after.
    await round().catch((error: unknown) => options.say(`${id}: ${lineOf(error)}`));
    await wait(RUNNER_LIMITS.sweepMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** What BullMQ says of itself has no code of ours. */
function lineOf(error: unknown): string {
  const { code, message } = failureRecord(error);
  return code === "BUG" ? message : `${code}: ${message}`;
}
