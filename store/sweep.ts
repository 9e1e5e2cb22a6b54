// The sweep: rings again for activations whose bell was lost, and finishes off tasks that ended. Safe on all runners at once.
import type { Redis } from "./connect.ts";
import type { ActivationQueue } from "./queue.ts";

export interface SweepReport {
  /** Live tasks looked at. */
  readonly tasks: number;
  /** Activations that were rung for. */
  readonly rung: number;
  /** Ended tasks that were finished off. */
  readonly finished: number;
}

export async function sweepTasks(redis: Redis, queue: ActivationQueue): Promise<SweepReport> {
  throw new Error(`${redis.status} ${queue.env}`);
}
