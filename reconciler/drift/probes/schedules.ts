// Finds schedules whose bells or memories are missing or other than declared, and those that no record declares.
import type { StateRecord } from "../../../contracts/record.ts";
import { compareSchedules, type ScheduleDifference, type ScheduleWorld } from "../../triggers/compare-schedules.ts";
import type { Probe, ProbeAnswer, WorldFinding } from "../probe.ts";

/** A lost bell loses no slot: the reconciler that leads looks for itself, only later. */
export function schedulesProbe(readWorld: () => Promise<ScheduleWorld>): Probe {
  return {
    name: "schedules",
    async look(records): Promise<ProbeAnswer> {
      const differences = compareSchedules(records, await readWorld());
      return { findings: differences.flatMap(describe), unknown: differences.flatMap(describeStray) };
    },
  };
}

const REVERT = "`drift.self_heal: [TaskSchedule]` puts it back, and so does a new `countwheel reconcile`";

function describe(difference: ScheduleDifference): WorldFinding[] {
  switch (difference.what) {
    case "not-remembered":
      return [missing(difference.schedule.record, "the reconciler does not know of this schedule, so nothing runs it")];
    case "no-bell":
      return [missing(difference.schedule.record, "its scheduler in BullMQ is gone: its tasks come late")];
    case "remembered-otherwise":
      return [differs(difference.schedule.record, "the reconciler runs it by an older version of this manifest", {})];
    case "other-bell": {
      const { schedule, bell } = difference;
      const message = "its scheduler in BullMQ rings at other times: its tasks may come late";
      const values = { before: timesOf(schedule.timing), after: timesOf(bell) };
      return [differs(schedule.record, message, schedule.timing.suspended ? { after: values.after } : values)];
    }
    case "stray-memory":
    case "stray-bell":
      return [];
  }
}

/** No record stands behind them, so there is no field to point to, and nothing runs because of them. */
function describeStray(difference: ScheduleDifference): string[] {
  if (difference.what === "stray-bell")
    return [`the scheduler \`${difference.bell.id}\` in BullMQ belongs to no TaskSchedule; it rings and runs nothing`];
  return difference.what === "stray-memory" ? [`${difference.address}: remembered, and declared by no record`] : [];
}

function missing(record: StateRecord, message: string): WorldFinding {
  return { record, code: "SCHEDULE_MISSING", pointer: "/spec/schedule", message, revert: REVERT };
}

function differs(
  record: StateRecord,
  message: string,
  values: { readonly before?: string; readonly after?: string },
): WorldFinding {
  return { record, code: "SCHEDULE_DIFFERS", pointer: "/spec/schedule", message, ...values, revert: REVERT };
}

function timesOf({ pattern, zone }: { readonly pattern: string; readonly zone: string }): string {
  return `${pattern} ${zone}`;
}
