// Carries out what applies have left to do beside the records: memories and bells of schedules, and what was seen of MCP
// servers that are other ones now. Whatever was interrupted goes on here; everything may be repeated.
import type { Address } from "../../contracts/address.ts";
import type { ScheduleMemory, TriggerIntent } from "../../contracts/schedule.ts";
import type { Redis } from "../../store/connect.ts";
import { openScheduleBells, type ScheduleBells } from "../../store/schedule-bells.ts";
import { type Kept, pendingTriggers, readSchedules } from "../../store/schedules.ts";
import { type Swap, swapSchedules } from "../../store/scripts/swap-schedules.ts";
import { forgetTools } from "../../store/sightings.ts";
import { isServer } from "../apply/trigger-orders.ts";
import { newScheduleMemory, partsOf, remindSchedule } from "./schedule-turn.ts";
import { nextSlot, type Timetable } from "./slots.ts";

export interface Settler {
  readonly redis: Redis;
  readonly env: string;
}

/** Called after every apply, before the next one, and by every tick. An order stays until its bell is confirmed. */
export async function settleTriggers({ redis, env }: Settler): Promise<void> {
  if ((await pendingTriggers(redis, env)).length === 0) return;
  while (!(await remember(redis, env)));
  const intents = await pendingTriggers(redis, env);
  const bells = openScheduleBells(redis, env);
  try {
    for (const intent of intents) await finish(redis, env, bells, intent);
  } finally {
    await bells.close();
  }
}

/**
 * All memories follow at once, with the orders that say so: after a crash between two of them a chain of renames would
 * take one memory for another. False: somebody else was faster.
 */
async function remember(redis: Redis, env: string): Promise<boolean> {
  const intents = (await pendingTriggers(redis, env)).filter(({ value }) => !value.remembered);
  if (intents.length === 0) return true;
  const before = new Map((await readSchedules(redis, env)).map((kept) => [kept.value.address, kept]));
  const after = new Map<Address, ScheduleMemory | null>();
  for (const { value } of intents) if (value.previous !== null) after.set(value.previous, null);
  for (const { value } of intents) after.set(value.address, memoryFor(value, before));
  return await swapSchedules(redis, env, {
    schedules: [...after].flatMap(([address, memory]) => swapOf(address, before.get(address), memory)),
    intents: rememberedIntents(intents),
  });
}

function memoryFor(
  { address, previous, timing, appliedAt }: TriggerIntent,
  before: ReadonlyMap<Address, Kept<ScheduleMemory>>,
): ScheduleMemory | null {
  if (timing === null) return null;
  const known = before.get(previous ?? address)?.value;
  return known === undefined
    ? newScheduleMemory(address, timing, appliedAt)
    : remindSchedule(known, address, timing, appliedAt);
}

function swapOf(address: Address, before: Kept<ScheduleMemory> | undefined, after: ScheduleMemory | null): Swap[] {
  const text = after === null ? null : JSON.stringify(after);
  return (before?.text ?? null) === text ? [] : [{ field: address, before: before?.text ?? null, after: text }];
}

/** Where a schedule was before it moved, its bell still hangs: that is an order, too. */
function rememberedIntents(intents: readonly Kept<TriggerIntent>[]): Swap[] {
  const known = new Set(intents.map(({ value }) => value.address));
  const left = intents.flatMap(({ value: { previous, appliedAt } }): Swap[] => {
    if (previous === null || known.has(previous)) return [];
    const intent: TriggerIntent = { address: previous, previous: null, timing: null, appliedAt, remembered: true };
    return [{ field: previous, before: null, after: JSON.stringify(intent) }];
  });
  const done = intents.map(({ value, text }) => ({
    field: value.address,
    before: text,
    after: JSON.stringify({ ...value, previous: null, remembered: true }),
  }));
  return [...done, ...left];
}

async function finish(redis: Redis, env: string, bells: ScheduleBells, intent: Kept<TriggerIntent>): Promise<void> {
  const { address, timing, appliedAt } = intent.value;
  if (isServer(address)) await forgetTools(redis, env, partsOf(address));
  else if (timing === null || timing.suspended) await bells.takeDown(address);
  else await hangBell(bells, address, timing, appliedAt);
  // Another apply may have ordered anew in between: that order stays.
  await swapSchedules(redis, env, { schedules: [], intents: [{ field: address, before: intent.text, after: null }] });
}

/** A pattern that never comes true has no bell: BullMQ refuses it, and there is nothing to ring for. */
export async function hangBell(bells: ScheduleBells, id: Address, timing: Timetable, since: string): Promise<void> {
  const { pattern, zone } = timing;
  if (nextSlot(timing, new Date(since)) === undefined) await bells.takeDown(id);
  else await bells.hang({ id, pattern, zone });
}
