// A runner's ear: takes bells out of the lanes that it was told to listen at, never more at once than its capacity, and
// stops in order.
import { DelayedError, type Job } from "bullmq";
import { isName } from "../contracts/address.ts";
import { TransientFailure } from "../contracts/failure.ts";
import { type Announced, matches } from "../contracts/matching.ts";
import { redisFailure } from "./ask.ts";
import { closeRedis, type Redis } from "./connect.ts";
import { queuePrefix } from "./keys.ts";
import { dropIdleLanes, type Lane, listLanes, OPEN_LANE, subscribeLanes } from "./lanes.ts";
import type { ActivationJob, JobData } from "./queue.ts";
import { type RunningJob, settleRunning, trackJob } from "./running-jobs.ts";
import { Slots, SlottedWorker } from "./slots.ts";

export interface ActivationContext {
  /** Aborted at the deadline of a drain. The loss of BullMQ's lock stops nothing: the lease decides who works. */
  readonly signal: AbortSignal;
  /** Asks for the bell to ring again after `ms`, once `process` has returned: held, later, or to be tried again. */
  readonly delay: (ms: number) => void;
}

export interface ActivationWorkerOptions {
  /** A connection made for "worker". BullMQ opens a second one beside it. */
  readonly redis: Redis;
  readonly env: string;
  /** Activations at once, over all lanes. */
  readonly concurrency: number;
  /** What this runner has: it listens at the lanes whose requirements that meets. */
  readonly announced: Announced;
  readonly leaseMs: number;
  /** What it throws is given to `onError`, and the bell rings again after a lease. */
  readonly process: (job: ActivationJob, context: ActivationContext) => Promise<void>;
  readonly onError?: (error: unknown) => void;
}

export interface ActivationWorker {
  /** Resolves once jobs are being taken. */
  ready(): Promise<void>;
  /** Listens at the lanes that are there now. It does so by itself when it is told of a new one; this is for what it missed. */
  look(): Promise<void>;
  /** Takes no more jobs, waits for the running ones up to `timeoutMs`, then aborts them. Answers how many were aborted. */
  drain(timeoutMs: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * BullMQ notices a dead holder after its lock and up to two stall checks: a tenth of the lease each keeps the promise of
 * 6 s with a lease of 5 s (a fifth would make it 7). One check costs one short script for all workers together.
 */
const STALL_CHECKS_PER_LEASE = 10;
const SHORTEST_STALL_CHECK_MS = 200;
/** After this a job that reached a worker which stops rings again, for another one. */
const HAND_OVER_MS = 50;

export function startActivationWorker(options: ActivationWorkerOptions): ActivationWorker {
  const { redis, env } = options;
  const report = options.onError ?? (() => undefined);
  const running = new Map<string, RunningJob>();
  const slots = new Slots(options.concurrency);
  const ears = new Map<string, SlottedWorker<JobData>>();
  const outage = tellOncePerOutage(redis, report);
  let isDraining = false;
  const process = (job: Job<JobData>, token: string | undefined): Promise<void> => {
    // A fetch that was under way when the worker was paused still brings a job: it is for another runner.
    if (isDraining) return ringAgain(job, token, HAND_OVER_MS);
    // BullMQ lost its lock, and brings again what is under way here: the lease says whose it is, not the bell.
    if (running.has(job.id ?? "")) return ringAgain(job, token, options.leaseMs);
    return trackJob(running, job.id ?? "", (signal) => processJob(options, job, token, signal));
  };
  const listenAt = (lane: Lane): void => {
    if (isDraining || ears.has(lane.queue)) return;
    const ear = openEar(options, lane, { slots, process });
    ear.on("error", outage.tell);
    ears.set(lane.queue, ear);
  };
  const look = async (): Promise<void> => {
    await dropIdleLanes(redis, env, Date.now());
    const heard = (await listLanes(redis, env)).filter(({ requirements }) => matches(requirements, options.announced));
    for (const { lane } of heard) listenAt(lane);
    const queues = new Set([OPEN_LANE.queue, ...heard.map(({ lane }) => lane.queue)]);
    for (const [queue, ear] of ears) {
      if (queues.has(queue) || isDraining) continue;
      ears.delete(queue);
      await ear.close();
    }
  };
  listenAt(OPEN_LANE);
  const news = redis.duplicate();
  news.on("error", () => undefined);
  const unsubscribe = subscribeLanes(news, env, () => void look().catch(report));
  return {
    look,
    ready: async () => {
      await look();
      for (const ear of ears.values()) await ear.waitUntilReady();
    },
    drain: async (timeoutMs) => {
      isDraining = true;
      for (const ear of ears.values()) await ear.pause(true);
      return settleRunning(running, timeoutMs);
    },
    close: async () => {
      isDraining = true;
      unsubscribe();
      // Without a server there is nobody to say goodbye to: BullMQ would wait until it comes back.
      const isForced = running.size > 0 || redis.status !== "ready";
      await Promise.all([closeRedis(news), ...[...ears.values()].map((ear) => ear.close(isForced))]);
      outage.stop();
    },
  };
}

interface Listening {
  readonly slots: Slots;
  readonly process: (job: Job<JobData>, token: string | undefined) => Promise<void>;
}

function openEar(
  { redis, env, concurrency, leaseMs }: ActivationWorkerOptions,
  lane: Lane,
  { slots, process }: Listening,
): SlottedWorker<JobData> {
  return new SlottedWorker<JobData>(lane.queue, process, slots, {
    connection: redis,
    prefix: queuePrefix(env),
    concurrency,
    lockDuration: leaseMs,
    stalledInterval: Math.max(SHORTEST_STALL_CHECK_MS, leaseMs / STALL_CHECKS_PER_LEASE),
    // How often a task may be taken over is counted in its own record, not by BullMQ, which would drop the bell.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
  });
}

/** BullMQ tells of every vain attempt to reconnect: once for each outage is enough. */
function tellOncePerOutage(redis: Redis, report: (error: unknown) => void): Outage {
  let isAway = false;
  const isBack = (): void => {
    isAway = false;
  };
  redis.on("ready", isBack);
  const tell = (error: unknown): void => {
    const failure = redisFailure(redis, error);
    const isKnown = failure instanceof TransientFailure && isAway;
    if (failure instanceof TransientFailure) isAway = true;
    if (!isKnown) report(failure);
  };
  return { tell, stop: () => redis.off("ready", isBack) };
}

interface Outage {
  readonly tell: (error: unknown) => void;
  readonly stop: () => void;
}

async function processJob(
  options: ActivationWorkerOptions,
  job: Job<JobData>,
  token: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const report = options.onError ?? (() => undefined);
  const activation = readJob(options.env, job.data);
  if (activation === undefined) return report(new TypeError(`job ${job.id} is none of ours and was dropped`));
  let delayMs: number | undefined;
  try {
    await options.process(activation, { signal, delay: (ms) => (delayMs = ms) });
  } catch (error) {
    // Left to BullMQ, the job would fail and the bell be gone: the activation's record says whether it goes on.
    report(error);
    delayMs ??= options.leaseMs;
  }
  if (delayMs !== undefined) await ringAgain(job, token, delayMs);
}

async function ringAgain(job: Job<JobData>, token: string | undefined, afterMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + Math.max(1, Math.ceil(afterMs)), token);
  throw new DelayedError();
}

/** Anybody who can write to Redis can forge a job: ids are checked before they become keys. */
function readJob(env: string, data: unknown): ActivationJob | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { namespace, name, activation } = data as Readonly<Record<string, unknown>>;
  if (typeof namespace !== "string" || typeof name !== "string" || typeof activation !== "string") return undefined;
  const agent = activation.slice(0, activation.lastIndexOf("#"));
  if (!isName(namespace) || !isName(name) || !isName(agent)) return undefined;
  return { task: { env, namespace, name }, activation };
}
