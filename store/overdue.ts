// Ends tasks for which no runner has to be alive: cancelled ones that nobody works on, and those whose time is over.
import { renderDuration } from "../contracts/duration.ts";
import type { FailureRecord } from "../contracts/failure.ts";
import type { TaskRef } from "../contracts/task.ts";
import { callRunners } from "./calls.ts";
import type { Redis } from "./connect.ts";
import { finishTask } from "./finish-task.ts";
import { type EndReason, endTask } from "./scripts/end-task.ts";

/** What a task's hash says of its ends. */
export const END_FIELDS = [
  "phase",
  "cancel",
  "cancelledBy",
  "queuedAtMs",
  "waitMs",
  "startedAtMs",
  "durationMs",
  "pausedMs",
] as const;

/** null: there is no task, or an older version made it. */
export type EndFields = Readonly<Partial<Record<(typeof END_FIELDS)[number], string | null>>>;

/** Of the values in the order of END_FIELDS. */
export function readEndFields(values: readonly unknown[]): EndFields {
  return Object.fromEntries(
    END_FIELDS.map((name, index) => [name, typeof values[index] === "string" ? values[index] : null]),
  );
}

/** By a clock that may be old already: the script decides. */
export function findEndReason(fields: EndFields, nowMs: number): EndReason | undefined {
  if (fields.cancel === "1") return "cancel";
  if (fields.phase === "Pending") return isOver(fields.queuedAtMs, fields.waitMs, nowMs) ? "wait" : undefined;
  if (fields.phase === "WaitingApproval") return undefined;
  return isOver(fields.startedAtMs, fields.durationMs, nowMs - Number(fields.pausedMs ?? 0)) ? "duration" : undefined;
}

function isOver(since: string | null | undefined, limit: string | null | undefined, nowMs: number): boolean {
  return Number(since) > 0 && Number(limit) > 0 && Number(since) + Number(limit) <= nowMs;
}

/** Whether it ended by this. Whoever works on it is told to look. */
export async function endByReason(redis: Redis, task: TaskRef, fields: EndFields, why: EndReason): Promise<boolean> {
  const at = new Date().toISOString();
  const failure = failureFor(why, fields);
  const draft =
    failure === undefined
      ? ({ type: "task.cancelled", at, data: { by: fields.cancelledBy || null } } as const)
      : ({ type: "task.failed", at, data: { ...failure } } as const);
  const request = { task, why, drafts: [draft], ...(failure === undefined ? {} : { failure }) };
  if ((await endTask(redis, request)).outcome === "left-alone") return false;
  await finishTask(redis, task);
  await callRunners(redis, task);
  return true;
}

function failureFor(why: EndReason, { waitMs, durationMs }: EndFields): FailureRecord | undefined {
  switch (why) {
    case "cancel":
      return undefined;
    case "wait": {
      const message = `no runner claimed it within ${renderDuration(Number(waitMs))} (limits.wait)`;
      return { code: "TASK_WAIT_TIMEOUT", message };
    }
    case "duration": {
      const message = `it did not end within ${renderDuration(Number(durationMs))} of its first claim (limits.duration)`;
      return { code: "TASK_TIMEOUT", message };
    }
  }
}
