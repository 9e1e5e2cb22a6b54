// The bells of schedules: BullMQ job schedulers that say "look now". Whether a slot is due, our own record decides; a bell
// that is lost, late or doubled costs a look.
import { Queue, Worker } from "bullmq";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { queuePrefix, SCHEDULE_QUEUE_NAME } from "./keys.ts";

export interface ScheduleBell {
  /** The schedule's address. */
  readonly id: string;
  readonly pattern: string;
  readonly zone: string;
}

/** Shares the connection that it is given, and leaves it open. */
export interface ScheduleBells {
  /** Puts it there, or changes it to this. */
  hang(bell: ScheduleBell): Promise<void>;
  /** Does nothing where there is none. */
  takeDown(id: string): Promise<void>;
  list(): Promise<ScheduleBell[]>;
  close(): Promise<void>;
}

const KEPT_EVENTS = 100;
/** A bell that has rung is gone. */
const BRIEF = { removeOnComplete: true, removeOnFail: true } as const;

export function openScheduleBells(redis: Redis, env: string): ScheduleBells {
  const queue = new Queue(SCHEDULE_QUEUE_NAME, {
    connection: redis,
    prefix: queuePrefix(env),
    streams: { events: { maxLen: KEPT_EVENTS } },
  });
  // Each call reports its own failure; without a listener the same failure would end the process.
  queue.on("error", () => undefined);
  return {
    async hang({ id, pattern, zone }) {
      const template = { name: "slot", data: {}, opts: BRIEF };
      await ask(redis, () => queue.upsertJobScheduler(id, { pattern, tz: zone }, template));
    },
    async takeDown(id) {
      await ask(redis, () => queue.removeJobScheduler(id));
    },
    async list() {
      const found = await ask(redis, () => queue.getJobSchedulers());
      return found
        .map(({ key, pattern, tz }) => ({ id: key, pattern: pattern ?? "", zone: tz ?? "UTC" }))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    close: () => queue.close(),
  };
}

/**
 * Calls `ring` whenever a bell rings. `redis` is a connection made for "worker"; BullMQ opens a second one beside it.
 * Failures are the sweep's to tell: it meets the same server.
 */
export function hearScheduleBells(redis: Redis, env: string, ring: () => void): { close(): Promise<void> } {
  const worker = new Worker(SCHEDULE_QUEUE_NAME, async () => ring(), {
    connection: redis,
    prefix: queuePrefix(env),
    maxStalledCount: Number.MAX_SAFE_INTEGER,
  });
  worker.on("error", () => undefined);
  // Without a server there is nobody to say goodbye to: BullMQ would wait until it comes back.
  return { close: () => worker.close(redis.status !== "ready") };
}
