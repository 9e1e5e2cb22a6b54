// The bell: BullMQ jobs that say "look at this activation". They hold ids only; our records are the truth.
import { DelayedError, type Job, type JobsOptions, Queue, Worker } from "bullmq";
import { isName } from "../contracts/address.ts";
import { TransientFailure } from "../contracts/failure.ts";
import type { ActivationId, TaskRef } from "../contracts/task.ts";
import { ask, askAll, redisFailure } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { QUEUE_NAME, queuePrefix } from "./keys.ts";
import { type RunningJob, settleRunning, trackJob } from "./running-jobs.ts";

export type Priority = "low" | "normal" | "high";

export interface ActivationJob {
  readonly task: TaskRef;
  readonly activation: ActivationId;
}

export interface Bell extends ActivationJob {
  readonly priority: Priority;
}

/** One per process and environment; shares the connection that it is given, and leaves it open. */
export interface ActivationQueue {
  readonly env: string;
  /** Rings once per activation: a bell that is there already stays as it is. */
  ring(bells: readonly Bell[]): Promise<void>;
  /** Those of the jobs for which no bell is there. */
  withoutBell<J extends ActivationJob>(jobs: readonly J[]): Promise<J[]>;
  /** Lets bells that were delayed for long ring at once: what they waited for has come early. */
  bringForward(jobs: readonly ActivationJob[]): Promise<void>;
  close(): Promise<void>;
}

/** What a job carries: the environment is the queue's. */
interface JobData {
  readonly namespace: string;
  readonly name: string;
  readonly activation: ActivationId;
}

/** In BullMQ a small number goes first, and no number before all. */
const BULLMQ_PRIORITY: Readonly<Record<Priority, number>> = { high: 1, normal: 2, low: 3 };

/** Nobody reads BullMQ's events; a long stream of them only costs memory. */
const KEPT_EVENTS = 100;

export function openQueue(redis: Redis, env: string): ActivationQueue {
  const queue = new Queue<JobData>(QUEUE_NAME, {
    connection: redis,
    prefix: queuePrefix(env),
    streams: { events: { maxLen: KEPT_EVENTS } },
  });
  // Each call reports its own failure; without a listener the same failure would end the process.
  queue.on("error", () => undefined);
  return {
    env,
    ring: async (bells) => {
      if (bells.length > 0) await ask(redis, () => queue.addBulk(bells.map(jobOf)));
    },
    withoutBell: async (jobs) => {
      if (jobs.length === 0) return [];
      const pipeline = redis.pipeline();
      for (const job of jobs) pipeline.exists(queue.toKey(jobId(job)));
      const found = await askAll(redis, () => pipeline.exec());
      return jobs.filter((_job, index) => found[index] === 0);
    },
    bringForward: (jobs) => bringForward(redis, queue, jobs.map(jobId)),
    close: () => queue.close(),
  };
}

/** A bell that is due this soon is left to BullMQ: bringing it forward would only race with it. */
const SOON_MS = 1_000;
/** BullMQ's score of a delayed job is its time in ms, shifted by 12 bits to make room for an order within it. */
const SCORE_PER_MS = 0x1000;

async function bringForward(redis: Redis, queue: Queue<JobData>, ids: readonly string[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.zscore(queue.toKey("delayed"), id);
  const scores = await askAll(redis, () => pipeline.exec());
  const late = ids.filter((_id, index) => Number(scores[index] ?? 0) / SCORE_PER_MS > Date.now() + SOON_MS);
  for (const id of late) {
    const job = await ask(redis, () => queue.getJob(id));
    // Another runner may be first: then there is nothing left to promote, and that is no failure.
    await ask(redis, async () => job?.promote()).catch((error: unknown) => {
      if (error instanceof TransientFailure) throw error;
    });
  }
}

function jobOf(bell: Bell): { name: string; data: JobData; opts: JobsOptions } {
  const { namespace, name } = bell.task;
  return {
    name: "activation",
    data: { namespace, name, activation: bell.activation },
    opts: {
      jobId: jobId(bell),
      priority: BULLMQ_PRIORITY[bell.priority],
      // A bell that has rung is gone, so that the same activation can be rung for again.
      removeOnComplete: true,
      removeOnFail: true,
    },
  };
}

function jobId({ task, activation }: ActivationJob): string {
  return `${task.namespace}/${task.name}/${activation}`;
}

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
  readonly concurrency: number;
  readonly leaseMs: number;
  /** What it throws is given to `onError`, and the bell rings again after a lease. */
  readonly process: (job: ActivationJob, context: ActivationContext) => Promise<void>;
  readonly onError?: (error: unknown) => void;
}

export interface ActivationWorker {
  /** Resolves once jobs are being taken. */
  ready(): Promise<void>;
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
  const { redis, env, concurrency, leaseMs } = options;
  const report = options.onError ?? (() => undefined);
  const running = new Map<string, RunningJob>();
  let isDraining = false;
  const worker = new Worker<JobData>(
    QUEUE_NAME,
    (job, token) => {
      // A fetch that was under way when the worker was paused still brings a job: it is for another runner.
      if (isDraining) return ringAgain(job, token, HAND_OVER_MS);
      // BullMQ lost its lock, and brings again what is under way here: the lease says whose it is, not the bell.
      if (running.has(job.id ?? "")) return ringAgain(job, token, leaseMs);
      return trackJob(running, job.id ?? "", (signal) => processJob(options, job, token, signal));
    },
    {
      connection: redis,
      prefix: queuePrefix(env),
      concurrency,
      lockDuration: leaseMs,
      stalledInterval: Math.max(SHORTEST_STALL_CHECK_MS, leaseMs / STALL_CHECKS_PER_LEASE),
      // How often a task may be taken over is counted in its own record, not by BullMQ, which would drop the bell.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    },
  );
  const outage = tellOncePerOutage(redis, report);
  worker.on("error", outage.tell);
  return {
    ready: async () => {
      await worker.waitUntilReady();
    },
    drain: async (timeoutMs) => {
      isDraining = true;
      await worker.pause(true);
      return settleRunning(running, timeoutMs);
    },
    close: async () => {
      // Without a server there is nobody to say goodbye to: BullMQ would wait until it comes back.
      await worker.close(running.size > 0 || redis.status !== "ready");
      outage.stop();
    },
  };
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
