// Schedules as rows, and as lines of a description.
import { specOf } from "../../contracts/kinds.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { timingOf } from "../../contracts/schedule.ts";
import type { ScheduleFacts } from "../schedule-facts.ts";
import { renderAge } from "./table.ts";
import { minuteOf, missedText } from "./trigger-event.ts";

interface FoundSchedules {
  readonly items: readonly StateRecord[];
  readonly schedules: ReadonlyMap<string, ScheduleFacts>;
}

/** The header first. */
export function scheduleRows({ items, schedules }: FoundSchedules, now: Date): readonly (readonly string[])[] {
  const header = ["NAMESPACE", "NAME", "SCHEDULE", "ZONE", "LAST", "NEXT", "ACTIVE", "MISSED", "AGE"];
  return [header, ...items.map((record) => scheduleRow(record, schedules.get(record.address), now))];
}

function scheduleRow({ manifest, appliedAt }: StateRecord, facts: ScheduleFacts | undefined, now: Date): string[] {
  const { namespace, name } = manifest.metadata;
  const spec = specOf(manifest, "TaskSchedule");
  if (spec === undefined) return [namespace, name];
  const { pattern, zone, suspended } = timingOf(spec);
  const next = suspended ? "suspended" : timeOrNone(facts?.nextSlot);
  const counts = [String(facts?.active.length ?? 0), String(facts?.missed ?? 0)];
  return [namespace, name, pattern, zone, timeOrNone(facts?.lastSlot), next, ...counts, renderAge(appliedAt, now)];
}

/** Names and values for `describe`. Without facts no reconciler has taken the schedule up yet. */
export function scheduleLines(facts: ScheduleFacts | undefined): readonly (readonly [string, string])[] {
  if (facts === undefined) return [["Schedule", "no reconciler has taken it up yet: countwheel reconcile"]];
  const { lastSlot, nextSlot, active, missed, lastMissed } = facts;
  const last = lastMissed === null ? "" : `, the last ${minuteOf(lastMissed.slot)}: ${missedText(lastMissed.why)}`;
  return [
    ["Last", timeOrNone(lastSlot)],
    ["Next", timeOrNone(nextSlot)],
    ["Active", active.length === 0 ? "none" : active.join(", ")],
    ["Missed", `${missed}${last}`],
  ];
}

function timeOrNone(iso: string | null | undefined): string {
  return iso === null || iso === undefined ? "-" : minuteOf(iso);
}
