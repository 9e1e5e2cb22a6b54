// What is remembered of schedules, and what applies have left to do for them: read here, written by compare-and-swap.
import { type Address, parseAddress } from "../contracts/address.ts";
import type {
  MadeTask,
  MissedWhy,
  ScheduledTask,
  ScheduleMemory,
  ScheduleTiming,
  TriggerIntent,
} from "../contracts/schedule.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, jsonOf, listOf, numberOf, objectOf, textOf } from "./reply.ts";
import { swapSchedules } from "./scripts/swap-schedules.ts";
import { readTaskPhase } from "./task-fields.ts";

/** With the text that it was read from: what a swap compares. */
export interface Kept<T> {
  readonly value: T;
  readonly text: string;
}

/** By address. Throws PermanentFailure STATE_CORRUPT, naming the schedule whose memory cannot be believed. */
export async function readSchedules(redis: Redis, env: string): Promise<Kept<ScheduleMemory>[]> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).schedules));
  return sorted(found).map(([field, text]) => ({ value: readMemory(field, text), text }));
}

/** By address. */
export async function pendingTriggers(redis: Redis, env: string): Promise<Kept<TriggerIntent>[]> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).pendingTriggers));
  return sorted(found).map(([field, text]) => ({ value: readIntent(field, text), text }));
}

/** False: somebody else was faster, and what was read is old. */
export async function swapSchedule(
  redis: Redis,
  env: string,
  before: Kept<ScheduleMemory>,
  after: ScheduleMemory,
): Promise<Kept<ScheduleMemory> | undefined> {
  const text = JSON.stringify(after);
  const swap = { field: before.value.address, before: before.text, after: text };
  const isMine = await swapSchedules(redis, env, { schedules: [swap], intents: [] });
  return isMine ? { value: after, text } : undefined;
}

function sorted(found: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function readMemory(field: string, text: string): ScheduleMemory {
  const what = `the memory of ${field}`;
  const memory = objectOf(what, jsonOf(what, text));
  const { lastSlot, lastMissed, nextAt } = memory;
  return {
    address: readAddress(what, field),
    timing: readTiming(what, memory["timing"]),
    judgedTo: readTime(what, memory["judgedTo"]),
    nextAt: nextAt === null ? null : readTime(what, nextAt),
    lastSlot: lastSlot === null ? null : readTime(what, lastSlot),
    missed: numberOf(what, memory["missed"]),
    lastMissed: lastMissed === null ? null : readMissed(what, lastMissed),
    claimed: listOf(what, memory["claimed"]).map((task) => readScheduled(what, task)),
    made: listOf(what, memory["made"]).map((task) => readMade(what, task)),
  };
}

function readIntent(field: string, text: string): TriggerIntent {
  const what = `what is left to do for ${field}`;
  const intent = objectOf(what, jsonOf(what, text));
  const { previous, timing } = intent;
  return {
    address: readAddress(what, field),
    previous: previous === null ? null : readAddress(what, textOf(what, previous)),
    timing: timing === null ? null : readTiming(what, timing),
    appliedAt: readTime(what, intent["appliedAt"]),
    remembered: intent["remembered"] === true,
  };
}

function readTiming(what: string, value: unknown): ScheduleTiming {
  const timing = objectOf(what, value);
  const { missed, concurrency } = timing;
  return {
    pattern: textOf(what, timing["pattern"]),
    zone: textOf(what, timing["zone"]),
    suspended: timing["suspended"] === true,
    deadlineMs: numberOf(what, timing["deadlineMs"]),
    missed: missed === "skip" || missed === "all" ? missed : "last",
    concurrency: concurrency === "allow" || concurrency === "replace" ? concurrency : "forbid",
    keepSucceeded: numberOf(what, timing["keepSucceeded"]),
    keepFailed: numberOf(what, timing["keepFailed"]),
  };
}

function readScheduled(what: string, value: unknown): ScheduledTask {
  const { slot, schedule, namespace, name } = objectOf(what, value);
  return {
    slot: readTime(what, slot),
    schedule: readAddress(what, textOf(what, schedule)),
    namespace: textOf(what, namespace),
    name: textOf(what, name),
  };
}

function readMade(what: string, value: unknown): MadeTask {
  const { ended } = objectOf(what, value);
  return { ...readScheduled(what, value), ended: ended === null ? null : readTaskPhase(what, ended) };
}

const WHYS: readonly MissedWhy[] = ["late", "running", "full", "impossible"];

function readMissed(what: string, value: unknown): ScheduleMemory["lastMissed"] {
  const { slot, why } = objectOf(what, value);
  const known = WHYS.find((candidate) => candidate === why);
  if (known === undefined) throw corrupt(what, `\`${String(why)}\` is no reason to miss a slot`);
  return { slot: readTime(what, slot), why: known };
}

function readAddress(what: string, text: string): Address {
  if (parseAddress(text) === undefined) throw corrupt(what, "it names no address");
  return text as Address;
}

/** Times are compared as text: only the one form that `toISOString` makes is ours. */
function readTime(what: string, value: unknown): string {
  const text = textOf(what, value);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text)) return text;
  throw corrupt(what, `\`${text.slice(0, 40)}\` is no time`);
}
