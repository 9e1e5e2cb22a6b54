// What is known of resources beside their manifests: when schedules come due, which model endpoints are left alone.
import type { KindName } from "../contracts/address.ts";
import type { StateRecord } from "../contracts/record.ts";
import { type Breaker, listBreakers } from "../store/breakers.ts";
import type { Redis } from "../store/connect.ts";
import { readScheduleFacts, type ScheduleFacts } from "./schedule-facts.ts";

/** Empty for kinds that have none. */
export interface RecordFacts {
  readonly schedules: ReadonlyMap<string, ScheduleFacts>;
  readonly breakers: readonly Breaker[];
}

export async function readRecordFacts(redis: Redis, env: string, kind: KindName, now: Date): Promise<RecordFacts> {
  return {
    schedules: kind === "TaskSchedule" ? await readScheduleFacts(redis, env, now) : new Map<string, ScheduleFacts>(),
    breakers: kind === "ModelEndpoint" ? await listBreakers(redis, env) : [],
  };
}

/** undefined: none of its calls failed of late, or it is no model endpoint. */
export function breakerOf({ manifest }: StateRecord, { breakers }: RecordFacts): Breaker | undefined {
  const { namespace, name } = manifest.metadata;
  return breakers.find(({ endpoint }) => endpoint === `${namespace}/${name}`);
}

/** What a resource's `status` has of them. */
export function factsView(record: StateRecord, facts: RecordFacts): Readonly<Record<string, unknown>> {
  const schedule = facts.schedules.get(record.address);
  if (schedule !== undefined) return { schedule };
  if (record.manifest.kind !== "ModelEndpoint") return {};
  return { breaker: breakerOf(record, facts) ?? { state: "closed", failures: 0 } };
}
