// The bell: BullMQ jobs that say "look at this activation". They hold ids only; our records are the truth.
import type { JobsOptions, Queue } from "bullmq";
import { TransientFailure } from "../contracts/failure.ts";
import { NO_REQUIREMENTS } from "../contracts/matching.ts";
import type { ActivationId, TaskRef } from "../contracts/task.ts";
import { ask, askAll } from "./ask.ts";
import type { BellTerms, Priority } from "./bell-terms.ts";
import type { Redis } from "./connect.ts";
import { placeBells, UNPLACED_PRIORITY } from "./fair-order.ts";
import { type Lane, laneOf, noteLane, OPEN_LANE } from "./lanes.ts";
import { LazyQueue } from "./lazy-queue.ts";

export interface ActivationJob {
  readonly task: TaskRef;
  readonly activation: ActivationId;
}

export interface Bell extends ActivationJob {
  readonly terms: BellTerms;
}

/** One per process and environment; shares the connection that it is given, and leaves it open. */
export interface ActivationQueue {
  readonly env: string;
  /** Rings once per activation: a bell that is there already stays as it is. */
  ring(bells: readonly Bell[]): Promise<void>;
  /** As `ring`, in the place of bells that a runner holds which is gone. */
  ringAnew(bells: readonly Bell[]): Promise<void>;
  /** Those of the jobs for which no bell is there; without terms they are looked for among those that require nothing. */
  withoutBell<J extends ActivationJob & Partial<Bell>>(jobs: readonly J[]): Promise<J[]>;
  /**
   * For bells that are there and whose time has come: those that were delayed for long ring at once, and those that came
   * back from a delay get their place among the others.
   */
  bringForward(bells: readonly Bell[]): Promise<void>;
  close(): Promise<void>;
}

/** What a job carries: the environment is the queue's. */
export interface JobData {
  readonly namespace: string;
  readonly name: string;
  readonly activation: ActivationId;
}

/** A lane is noted anew at most so often: far more often than it could become idle. */
const NOTED_MS = 60_000;

export function openQueue(redis: Redis, env: string): ActivationQueue {
  const lanes = new OpenLanes(redis, env);
  return {
    env,
    ring: async (bells) => {
      for (const [lane, group] of byLane(bells)) await ringIn(redis, env, await lanes.noted(lane), group);
    },
    ringAnew: async (bells) => {
      for (const [lane, group] of byLane(bells)) {
        const queue = await lanes.noted(lane);
        for (const bell of group) await dropBell(redis, queue, jobId(bell));
        await ringIn(redis, env, queue, group);
      }
    },
    withoutBell: async (jobs) => {
      if (jobs.length === 0) return [];
      const pipeline = redis.pipeline();
      for (const job of jobs) pipeline.exists((await lanes.queue(laneOfJob(job))).toKey(jobId(job)));
      const found = await askAll(redis, () => pipeline.exec());
      return jobs.filter((_job, index) => found[index] === 0);
    },
    bringForward: async (bells) => {
      for (const [lane, group] of byLane(bells)) {
        const queue = await lanes.queue(lane);
        await bringForward(redis, queue, group.map(jobId));
        await placeBells(redis, env, queue.name, group.map(placeOf));
      }
    },
    close: () => lanes.close(),
  };
}

/** The queues of one environment, each opened when it is first needed. */
class OpenLanes {
  readonly #redis: Redis;
  readonly #env: string;
  readonly #queues = new Map<string, LazyQueue<JobData>>();
  readonly #notedMs = new Map<string, number>();

  constructor(redis: Redis, env: string) {
    this.#redis = redis;
    this.#env = env;
  }

  queue({ queue: name }: Lane): Promise<Queue<JobData>> {
    const found = this.#queues.get(name) ?? new LazyQueue<JobData>(this.#redis, this.#env, name);
    this.#queues.set(name, found);
    return found.open();
  }

  /** The lane's queue, once runners can find it. */
  async noted(lane: Lane): Promise<Queue<JobData>> {
    const nowMs = Date.now();
    if (lane !== OPEN_LANE && (this.#notedMs.get(lane.queue) ?? 0) < nowMs - NOTED_MS) {
      await noteLane(this.#redis, this.#env, lane, nowMs);
      this.#notedMs.set(lane.queue, nowMs);
    }
    return this.queue(lane);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}

function byLane(bells: readonly Bell[]): ReadonlyMap<Lane, Bell[]> {
  const lanes = new Map<string, { readonly lane: Lane; readonly group: Bell[] }>();
  for (const bell of bells) {
    const lane = laneOf(bell.terms.requirements);
    const found = lanes.get(lane.queue);
    if (found === undefined) lanes.set(lane.queue, { lane, group: [bell] });
    else found.group.push(bell);
  }
  return new Map([...lanes.values()].map(({ lane, group }) => [lane, group]));
}

function laneOfJob({ terms }: Partial<Bell>): Lane {
  return laneOf(terms?.requirements ?? NO_REQUIREMENTS);
}

async function ringIn(redis: Redis, env: string, queue: Queue<JobData>, bells: readonly Bell[]): Promise<void> {
  await ask(redis, () => queue.addBulk(bells.map(jobOf)));
  // Not waited for: it arrives before whatever is sent later. Where it gets lost, the sweep brings the bell forward.
  void placeBells(redis, env, queue.name, bells.map(placeOf)).catch(() => undefined);
}

function placeOf(bell: Bell): { jobId: string; namespace: string; priority: Priority } {
  return { jobId: jobId(bell), namespace: bell.task.namespace, priority: bell.terms.priority };
}

/** With the lock that its dead holder left: BullMQ removes no job that is locked. */
async function dropBell(redis: Redis, queue: Queue<JobData>, id: string): Promise<void> {
  await ask(redis, () => redis.del(`${queue.toKey(id)}:lock`));
  await ask(redis, () => queue.remove(id));
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
      priority: UNPLACED_PRIORITY,
      // A bell that has rung is gone, so that the same activation can be rung for again.
      removeOnComplete: true,
      removeOnFail: true,
    },
  };
}

function jobId({ task, activation }: ActivationJob): string {
  return `${task.namespace}/${task.name}/${activation}`;
}
