// Reads a task's trace and checks it against the head that the task's record names.
import { PermanentFailure } from "../contracts/failure.ts";
import { taskId } from "../contracts/new-task.ts";
import type { TaskRecord, TaskRef } from "../contracts/task.ts";
import { type ChainVerdict, type TraceEvent, verifyChain } from "../contracts/trace.ts";
import type { Redis } from "../store/connect.ts";
import { readTask, readTrace } from "../store/tasks.ts";

export interface VerifiedTrace {
  readonly task: TaskRecord;
  /** Up to the head that was checked. */
  readonly events: readonly TraceEvent[];
  readonly verdict: ChainVerdict;
}

/**
 * The record is read first: what a running task adds in between is left out, so that it looks neither like a cut tail
 * nor like a forged one. Throws PermanentFailure TASK_NOT_FOUND.
 */
export async function readVerifiedTrace(redis: Redis, ref: TaskRef): Promise<VerifiedTrace> {
  const task = await readTask(redis, ref);
  if (task === undefined) throw new PermanentFailure("TASK_NOT_FOUND", `task \`${taskId(ref)}\` is gone`);
  const events = (await readTrace(redis, ref)).slice(0, task.trace.seq);
  return { task, events, verdict: verifyChain(taskId(ref), events, task.trace, task.erased?.left) };
}
