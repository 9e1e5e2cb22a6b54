// What is known of schedules beside their manifests: when they ran last and run next, what is under way, what was missed.
import type { Address } from "../contracts/address.ts";
import type { ScheduleMemory } from "../contracts/schedule.ts";
import { nextSlot } from "../reconciler/triggers/slots.ts";
import type { Redis } from "../store/connect.ts";
import { readSchedules } from "../store/schedules.ts";

export interface ScheduleFacts {
  readonly lastSlot: string | null;
  /** null: suspended, or it never comes due. */
  readonly nextSlot: string | null;
  /** Names of tasks that have not ended. */
  readonly active: readonly string[];
  readonly missed: number;
  readonly lastMissed: ScheduleMemory["lastMissed"];
}

export async function readScheduleFacts(
  redis: Redis,
  env: string,
  now: Date,
): Promise<ReadonlyMap<Address, ScheduleFacts>> {
  const memories = await readSchedules(redis, env);
  return new Map(memories.map(({ value }) => [value.address, factsOf(value, now)]));
}

function factsOf({ timing, lastSlot, missed, lastMissed, claimed, made }: ScheduleMemory, now: Date): ScheduleFacts {
  const active = [...made.filter(({ ended }) => ended === null), ...claimed].map(({ name }) => name);
  const next = timing.suspended ? undefined : nextSlot(timing, now);
  return { lastSlot, nextSlot: next?.toISOString() ?? null, active, missed, lastMissed };
}
