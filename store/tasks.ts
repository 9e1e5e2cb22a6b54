// Tasks as a whole: making them, listing and reading them, following their trace, asking them to stop.
import type { NewTask } from "../contracts/new-task.ts";
import type { TaskRecord, TaskRef } from "../contracts/task.ts";
import type { TraceEvent } from "../contracts/trace.ts";
import type { Redis } from "./connect.ts";
import type { ActivationQueue } from "./queue.ts";

export type CreateAnswer = { readonly outcome: "created" } | { readonly outcome: "exists" };

/** Makes the task and rings for its entry activations. Calling it again for the same name changes nothing. */
export async function createTask(redis: Redis, queue: ActivationQueue, task: NewTask): Promise<CreateAnswer> {
  throw new Error(`${redis.status} ${queue.env} ${task.ref.name}`);
}

export async function readTask(redis: Redis, ref: TaskRef): Promise<TaskRecord | undefined> {
  throw new Error(`${redis.status} ${ref.name}`);
}

/** Newest first. */
export async function listTasks(redis: Redis, env: string): Promise<TaskRecord[]> {
  throw new Error(`${redis.status} ${env}`);
}

export async function readTrace(redis: Redis, ref: TaskRef, afterSeq = 0): Promise<TraceEvent[]> {
  throw new Error(`${redis.status} ${ref.name} ${afterSeq}`);
}

/** What is there and what comes, until the task has ended and all was given, or until `signal` is aborted. */
export async function* followTrace(
  redis: Redis,
  ref: TaskRef,
  afterSeq: number,
  signal: AbortSignal,
): AsyncIterable<TraceEvent> {
  yield* [];
  throw new Error(`${redis.status} ${ref.name} ${afterSeq} ${signal.aborted}`);
}

export type CancelAnswer = "requested" | "ended" | "missing";

/** Runners see the wish at their next renewal, or when they claim. */
export async function requestCancel(redis: Redis, ref: TaskRef): Promise<CancelAnswer> {
  throw new Error(`${redis.status} ${ref.name}`);
}
