// Brings memories and bells of schedules back to what the records declare.
import type { Address } from "../../contracts/address.ts";
import type { TriggerIntent } from "../../contracts/schedule.ts";
import type { Redis } from "../../store/connect.ts";
import { openScheduleBells } from "../../store/schedule-bells.ts";
import { pendingTriggers, readSchedules } from "../../store/schedules.ts";
import { type Swap, swapSchedules } from "../../store/scripts/swap-schedules.ts";
import { readState } from "../../store/state.ts";
import { compareSchedules, type ScheduleDifference, type ScheduleWorld } from "./compare-schedules.ts";
import { hangBell, settleTriggers } from "./settle-triggers.ts";

interface Healer {
  readonly redis: Redis;
  readonly env: string;
  readonly now: () => Date;
}

export async function readScheduleWorld({ redis, env }: Pick<Healer, "redis" | "env">): Promise<ScheduleWorld> {
  const bells = openScheduleBells(redis, env);
  try {
    return {
      bells: await bells.list(),
      memories: (await readSchedules(redis, env)).map(({ value }) => value),
      pending: (await pendingTriggers(redis, env)).map(({ value }) => value.address),
    };
  } finally {
    await bells.close();
  }
}

async function findDifferences(healer: Healer): Promise<ScheduleDifference[]> {
  const { records } = await readState(healer.redis, healer.env);
  return compareSchedules(records.values(), await readScheduleWorld(healer));
}

/**
 * Orders what nobody has ordered: schedules that are not remembered as they are declared count from now on, and what is
 * remembered of none goes. An apply that orders the same in between has the word.
 */
async function orderMissing(healer: Healer): Promise<void> {
  const appliedAt = healer.now().toISOString();
  const intents = (await findDifferences(healer)).flatMap((difference) => orderFor(difference, appliedAt));
  for (const intent of intents) {
    const swap: Swap = { field: intent.address, before: null, after: JSON.stringify(intent) };
    await swapSchedules(healer.redis, healer.env, { schedules: [], intents: [swap] });
  }
}

function orderFor(difference: ScheduleDifference, appliedAt: string): TriggerIntent[] {
  const order = (address: Address, timing: TriggerIntent["timing"]): TriggerIntent[] => [
    { address, previous: null, timing, appliedAt, remembered: false },
  ];
  switch (difference.what) {
    case "not-remembered":
    case "remembered-otherwise":
      return order(difference.schedule.record.address, difference.schedule.timing);
    case "stray-memory":
      return order(difference.address, null);
    case "no-bell":
    case "other-bell":
    case "stray-bell":
      return [];
  }
}

/** All of it: bells, too. */
export async function healSchedules(healer: Healer): Promise<void> {
  await orderMissing(healer);
  await settleTriggers(healer);
  const differences = await findDifferences(healer);
  const bells = openScheduleBells(healer.redis, healer.env);
  try {
    for (const difference of differences) {
      if (difference.what === "stray-bell") await bells.takeDown(difference.bell.id);
      if (difference.what !== "no-bell" && difference.what !== "other-bell") continue;
      const { record, timing } = difference.schedule;
      if (timing.suspended) await bells.takeDown(record.address);
      else await hangBell(bells, record.address, timing, record.appliedAt);
    }
  } finally {
    await bells.close();
  }
}
