// What is remembered of a schedule beside its manifest: when it is due, up to where its slots are judged, what it made. Pure.
import type { Address } from "./address.ts";
import type { TaskScheduleSpec } from "./kinds/task-schedule.ts";
import type { TaskPhase } from "./task.ts";

/** When a schedule is due, and what happens then. All that a sweep needs to know of the manifest. */
export interface ScheduleTiming {
  readonly pattern: string;
  readonly zone: string;
  readonly suspended: boolean;
  readonly deadlineMs: number;
  readonly missed: "skip" | "last" | "all";
  readonly concurrency: "forbid" | "allow" | "replace";
  readonly keepSucceeded: number;
  readonly keepFailed: number;
}

export function timingOf(spec: TaskScheduleSpec): ScheduleTiming {
  return {
    pattern: spec.schedule.trim(),
    zone: spec.time_zone ?? "UTC",
    suspended: spec.suspend ?? false,
    deadlineMs: (spec.starting_deadline_seconds ?? 300) * 1_000,
    missed: spec.missed ?? "last",
    concurrency: spec.concurrency_policy ?? "forbid",
    keepSucceeded: spec.successful_history_limit ?? 10,
    keepFailed: spec.failed_history_limit ?? 3,
  };
}

/** A slot for which a task is made, or was. */
export interface ScheduledTask {
  readonly slot: string;
  /** The schedule as it was called when it claimed the slot. */
  readonly schedule: Address;
  readonly namespace: string;
  readonly name: string;
}

export interface MadeTask extends ScheduledTask {
  /** null: it had not ended when it was looked at last. */
  readonly ended: TaskPhase | null;
}

export interface ScheduleMemory {
  readonly address: Address;
  readonly timing: ScheduleTiming;
  /** Slots up to here are judged: each was made, or missed, once. Only grows, whatever the manifest is called. */
  readonly judgedTo: string;
  /** The first slot behind `judgedTo`; null: none ever comes. */
  readonly nextAt: string | null;
  /** The last slot that came to a task; null: none yet. */
  readonly lastSlot: string | null;
  /** Slots that came to none: too late, or while the task before them still ran. */
  readonly missed: number;
  readonly lastMissed: { readonly slot: string; readonly why: MissedWhy } | null;
  /** Claimed, and perhaps not made yet: whoever comes next makes them. */
  readonly claimed: readonly ScheduledTask[];
  /** Oldest first. What is beyond the history limits is dropped. */
  readonly made: readonly MadeTask[];
}

/**
 * `late`: found after the deadline, or beside a newer one · `running`: the task before it still ran · `full`: too many of
 * its tasks have not ended · `impossible`: there was nothing to make a task from
 */
export type MissedWhy = "late" | "running" | "full" | "impossible";

/** A change of an apply whose side effects are still to be had. Written by the script that switches the records. */
export interface TriggerIntent {
  readonly address: Address;
  /** Of a move: where its memory is. */
  readonly previous: Address | null;
  /** null: there is no such schedule any more. */
  readonly timing: ScheduleTiming | null;
  readonly appliedAt: string;
  /** The memory follows already; what is left is the bell. */
  readonly remembered: boolean;
}
