// The bell: BullMQ jobs that say "look at this activation". Job data holds ids only; our records are the truth.
import type { ActivationId, TaskRef } from "../contracts/task.ts";
import type { Redis } from "./connect.ts";

export type Priority = "low" | "normal" | "high";

export interface ActivationJob {
  readonly task: TaskRef;
  readonly activation: ActivationId;
}

export interface Bell extends ActivationJob {
  readonly priority: Priority;
}

/** The producing side. One per process and environment; shares the connection that it is given. */
export interface ActivationQueue {
  readonly env: string;
  /** Rings once per activation: a bell that is there already stays as it is. */
  ring(bells: readonly Bell[]): Promise<void>;
  /** Those of the jobs for which no bell is there. */
  withoutBell<J extends ActivationJob>(jobs: readonly J[]): Promise<J[]>;
  close(): Promise<void>;
}

export function openQueue(redis: Redis, env: string): ActivationQueue {
  throw new Error(`${redis.status} ${env}`);
}

export interface ActivationContext {
  /** Aborted when BullMQ's lock could not be renewed, and at the deadline of a drain. */
  readonly signal: AbortSignal;
  /** Asks for the bell to ring again after `ms`, once `process` has returned: held, later, or to be tried again. */
  delay(ms: number): void;
}

export interface ActivationWorkerOptions {
  /** A connection made for "worker". */
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

export function startActivationWorker(options: ActivationWorkerOptions): ActivationWorker {
  throw new Error(options.env);
}
