// How the schedules that records declare stand beside what rings for them and what is remembered of them. Pure.
import type { Address } from "../../contracts/address.ts";
import { canonicalJson } from "../../contracts/canonical.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { type ScheduleMemory, type ScheduleTiming, timingOf } from "../../contracts/schedule.ts";
import type { ScheduleBell } from "../../store/schedule-bells.ts";
import { nextSlot } from "./slots.ts";

export interface DeclaredSchedule {
  readonly record: StateRecord;
  readonly timing: ScheduleTiming;
}

export type ScheduleDifference =
  | { readonly what: "not-remembered"; readonly schedule: DeclaredSchedule }
  | { readonly what: "remembered-otherwise"; readonly schedule: DeclaredSchedule }
  | { readonly what: "no-bell"; readonly schedule: DeclaredSchedule }
  | { readonly what: "other-bell"; readonly schedule: DeclaredSchedule; readonly bell: ScheduleBell }
  /** Of a schedule that nothing declares. */
  | { readonly what: "stray-memory"; readonly address: Address }
  | { readonly what: "stray-bell"; readonly bell: ScheduleBell };

export interface ScheduleWorld {
  readonly bells: readonly ScheduleBell[];
  readonly memories: readonly ScheduleMemory[];
  /** What an apply has left to do, and will do: neither missing nor stray. */
  readonly pending: readonly Address[];
}

export function compareSchedules(records: Iterable<StateRecord>, world: ScheduleWorld): ScheduleDifference[] {
  const declared = declaredIn(records);
  const pending = new Set<string>(world.pending);
  const bells = new Map(world.bells.map((bell) => [bell.id, bell]));
  const memories = new Map(world.memories.map((memory) => [memory.address, memory]));
  const known = new Set<string>(declared.map(({ record }) => record.address));
  return [
    ...declared
      .filter(({ record }) => !pending.has(record.address))
      .flatMap((schedule) => [
        ...differsInMemory(schedule, memories.get(schedule.record.address)),
        ...differsInBell(schedule, bells.get(schedule.record.address)),
      ]),
    ...world.memories
      .filter(({ address }) => !known.has(address) && !pending.has(address))
      .map(({ address }) => ({ what: "stray-memory", address }) as const),
    ...world.bells
      .filter(({ id }) => !known.has(id) && !pending.has(id))
      .map((bell) => ({ what: "stray-bell", bell }) as const),
  ];
}

function declaredIn(records: Iterable<StateRecord>): DeclaredSchedule[] {
  return [...records].flatMap((record) => {
    const spec = specOf(record.manifest, "TaskSchedule");
    return spec === undefined ? [] : [{ record, timing: timingOf(spec) }];
  });
}

function differsInMemory(schedule: DeclaredSchedule, memory: ScheduleMemory | undefined): ScheduleDifference[] {
  if (memory === undefined) return [{ what: "not-remembered", schedule }];
  const isSame = canonicalJson(memory.timing) === canonicalJson(schedule.timing);
  return isSame ? [] : [{ what: "remembered-otherwise", schedule }];
}

function differsInBell(schedule: DeclaredSchedule, bell: ScheduleBell | undefined): ScheduleDifference[] {
  const { timing } = schedule;
  const isRung = !timing.suspended && nextSlot(timing, new Date(schedule.record.appliedAt)) !== undefined;
  if (bell === undefined) return isRung ? [{ what: "no-bell", schedule }] : [];
  const isSame = isRung && bell.pattern === timing.pattern && bell.zone === timing.zone;
  return isSame ? [] : [{ what: "other-bell", schedule, bell }];
}
