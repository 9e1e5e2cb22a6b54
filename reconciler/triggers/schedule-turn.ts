// What a schedule's memory becomes: under a manifest that changed, when slots have come due, when tasks were made or ended.
// Pure: each answers a new memory, and whoever gets it written first was right.
import type { Address } from "../../contracts/address.ts";
import { parseAddress } from "../../contracts/address.ts";
import type { MadeTask, MissedWhy, ScheduledTask, ScheduleMemory, ScheduleTiming } from "../../contracts/schedule.ts";
import { nextSlot, slotsBetween } from "./slots.ts";

/** A sweep looks every few seconds: what it finds within this came in time. */
const ON_TIME_MS = 60_000;
/** Tasks of one schedule that have not ended: with more, nobody runs them, and each minute would make another. */
const UNFINISHED_TASKS = 100;

export function newScheduleMemory(address: Address, timing: ScheduleTiming, since: string): ScheduleMemory {
  const fresh = { address, timing, lastSlot: null, missed: 0, lastMissed: null, claimed: [], made: [] };
  return { ...fresh, judgedTo: since, nextAt: nextAt(timing, since) };
}

/**
 * The memory under the manifest as it is now. Another pattern or zone counts from when it was applied: a time that was no
 * slot when it passed is not made afterwards. A new name alone changes nothing.
 */
export function remindSchedule(
  memory: ScheduleMemory,
  address: Address,
  timing: ScheduleTiming,
  appliedAt: string,
): ScheduleMemory {
  const { pattern, zone } = memory.timing;
  const isOther = pattern !== timing.pattern || zone !== timing.zone;
  const judgedTo = isOther && memory.judgedTo < appliedAt ? appliedAt : memory.judgedTo;
  return { ...memory, address, timing, judgedTo, nextAt: nextAt(timing, judgedTo) };
}

function nextAt(timing: ScheduleTiming, after: string): string | null {
  return nextSlot(timing, new Date(after))?.toISOString() ?? null;
}

/** Claims the slots that are due by now. Undefined: nothing is due, or what is due waits for the task before it. */
export function judgeSlots(memory: ScheduleMemory, now: Date): ScheduleMemory | undefined {
  const { timing, nextAt: next } = memory;
  if (next === null || next > now.toISOString()) return undefined;
  if (timing.suspended) return judgedUpTo(memory, now);
  const freshFrom = new Date(now.getTime() - timing.deadlineMs);
  const slots = slotsBetween(timing, new Date(memory.judgedTo), now, freshFrom);
  const fresh = slots.filter((slot) => slot >= freshFrom);
  const expired = miss(memory, slots.slice(0, slots.length - fresh.length), "late");
  if (timing.missed === "all" && timing.concurrency !== "allow") return oneByOne(expired, memory, fresh, now);
  const wanted = chosen(timing, fresh, now);
  const skipped = miss(expired, fresh.slice(0, fresh.length - wanted.length), "late");
  return judgedUpTo(claimWanted(skipped, wanted), now);
}

/** All of them, and never two at once: the next waits until the one before it has ended, or its own deadline is over. */
function oneByOne(
  expired: ScheduleMemory,
  before: ScheduleMemory,
  fresh: readonly Date[],
  now: Date,
): ScheduleMemory | undefined {
  const [first] = fresh;
  if (first === undefined) return judgedUpTo(expired, now);
  const waits = isBusy(expired) && expired.timing.concurrency === "forbid";
  if (!waits) return judgedUpTo(claim(expired, [first]), first);
  if (expired === before) return undefined;
  return judgedUpTo(expired, new Date(first.getTime() - 1));
}

/** The newest ones: what comes before them was late. */
function chosen({ missed }: ScheduleTiming, fresh: readonly Date[], now: Date): readonly Date[] {
  switch (missed) {
    case "all":
      return fresh;
    case "last":
      return fresh.slice(-1);
    case "skip":
      return fresh.slice(-1).filter((slot) => now.getTime() - slot.getTime() <= ON_TIME_MS);
  }
}

function claimWanted(memory: ScheduleMemory, wanted: readonly Date[]): ScheduleMemory {
  if (memory.timing.concurrency === "forbid" && isBusy(memory)) return miss(memory, wanted, "running");
  const room = Math.max(0, UNFINISHED_TASKS - unfinishedOf(memory).length);
  return claim(miss(memory, wanted.slice(room), "full"), wanted.slice(0, room));
}

function claim(memory: ScheduleMemory, slots: readonly Date[]): ScheduleMemory {
  const last = slots.at(-1);
  if (last === undefined) return memory;
  const { namespace, name } = partsOf(memory.address);
  const schedule = memory.address;
  const tasks = slots.map((slot) => ({ slot: slot.toISOString(), schedule, namespace, name: taskName(name, slot) }));
  return { ...memory, lastSlot: last.toISOString(), claimed: [...memory.claimed, ...tasks] };
}

function miss(memory: ScheduleMemory, slots: readonly Date[], why: MissedWhy): ScheduleMemory {
  const last = slots.at(-1);
  if (last === undefined) return memory;
  return { ...memory, missed: memory.missed + slots.length, lastMissed: { slot: last.toISOString(), why } };
}

function judgedUpTo(memory: ScheduleMemory, moment: Date): ScheduleMemory {
  const judgedTo = moment.toISOString();
  return { ...memory, judgedTo, nextAt: nextAt(memory.timing, judgedTo) };
}

/** Room for the slot, and for what tells a task from another one of the same name. */
const NAME_LENGTH = 220;

/** The same slot always has the same name: `nightly-202611010700`, in UTC. */
function taskName(schedule: string, slot: Date): string {
  return `${schedule.slice(0, NAME_LENGTH)}-${slot.toISOString().replace(/\D/g, "").slice(0, 12)}`;
}

export function partsOf(address: Address): { readonly namespace: string; readonly name: string } {
  const parts = parseAddress(address);
  if (parts === undefined) throw new TypeError(`${address} is no address`);
  return parts;
}

export function unfinishedOf({ claimed, made }: ScheduleMemory): readonly ScheduledTask[] {
  return [...made.filter(({ ended }) => ended === null), ...claimed];
}

function isBusy(memory: ScheduleMemory): boolean {
  return unfinishedOf(memory).length > 0;
}

/** The claim came to a task, under this name. */
export function settleMade(memory: ScheduleMemory, task: ScheduledTask, made: TaskName): ScheduleMemory {
  const { namespace, name } = made;
  const claimed = memory.claimed.filter(({ slot }) => slot !== task.slot);
  return { ...memory, claimed, made: [...memory.made, { ...task, namespace, name, ended: null }] };
}

type TaskName = Pick<ScheduledTask, "namespace" | "name">;

/** The claim came to nothing: there was nothing to make a task from. */
export function settleImpossible(memory: ScheduleMemory, task: ScheduledTask): ScheduleMemory {
  const claimed = memory.claimed.filter(({ slot }) => slot !== task.slot);
  return miss({ ...memory, claimed }, [new Date(task.slot)], "impossible");
}

/** Ended tasks beyond the history limits, the oldest of their sort. */
export function beyondLimits({ made, timing }: ScheduleMemory): readonly MadeTask[] {
  const ended = made.filter(({ ended: phase }) => phase !== null);
  const good = ended.filter(({ ended: phase }) => phase === "Succeeded");
  const bad = ended.filter(({ ended: phase }) => phase !== "Succeeded");
  return [
    ...good.slice(0, Math.max(0, good.length - timing.keepSucceeded)),
    ...bad.slice(0, Math.max(0, bad.length - timing.keepFailed)),
  ];
}
