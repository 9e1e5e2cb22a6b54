// The bells of schedules: BullMQ job schedulers that say "look now". Whether a slot is due, our own record decides; a bell
// that is lost, late or doubled costs a look.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { SCHEDULE_QUEUE_NAME } from "./keys.ts";
import { LazyQueue } from "./lazy-queue.ts";

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

/** A bell that has rung is gone. */
const BRIEF = { removeOnComplete: true, removeOnFail: true } as const;

export function openScheduleBells(redis: Redis, env: string): ScheduleBells {
  const queue = new LazyQueue(redis, env, SCHEDULE_QUEUE_NAME);
  return {
    async hang({ id, pattern, zone }) {
      const template = { name: "slot", data: {}, opts: BRIEF };
      const open = await queue.open();
      await ask(redis, () => open.upsertJobScheduler(id, { pattern, tz: zone }, template));
    },
    async takeDown(id) {
      const open = await queue.open();
      await ask(redis, () => open.removeJobScheduler(id));
    },
    async list() {
      const open = await queue.open();
      const found = await ask(redis, () => open.getJobSchedulers());
      return found
        .map(({ key, pattern, tz }) => ({ id: key, pattern: pattern ?? "", zone: tz ?? "UTC" }))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    close: () => queue.close(),
  };
}
