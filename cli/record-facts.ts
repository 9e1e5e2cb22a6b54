// What is known of resources beside their manifests: when schedules come due, which model endpoints are left alone.
import type { KindName } from "../contracts/address.ts";
import type { StateRecord } from "../contracts/record.ts";
import { type Breaker, listBreakers } from "../store/breakers.ts";
import { readBudgets, type SharedBudget } from "../store/budgets.ts";
import type { Redis } from "../store/connect.ts";
import { readScheduleFacts, type ScheduleFacts } from "./schedule-facts.ts";
import { type BudgetRow, budgetRows } from "./view/budgets.ts";

/** Empty for kinds that have none. */
export interface RecordFacts {
  readonly schedules: ReadonlyMap<string, ScheduleFacts>;
  readonly breakers: readonly Breaker[];
  /** Ledgers that the policies' limits share. */
  readonly budgets: readonly SharedBudget[];
}

export async function readRecordFacts(redis: Redis, env: string, kind: KindName, now: Date): Promise<RecordFacts> {
  return {
    schedules: kind === "TaskSchedule" ? await readScheduleFacts(redis, env, now) : new Map<string, ScheduleFacts>(),
    breakers: kind === "ModelEndpoint" ? await listBreakers(redis, env) : [],
    budgets: kind === "AgentPolicy" ? await readBudgets(redis, env) : [],
  };
}

/** undefined: none of its calls failed of late, or it is no model endpoint. */
export function breakerOf({ manifest }: StateRecord, { breakers }: RecordFacts): Breaker | undefined {
  const { namespace, name } = manifest.metadata;
  return breakers.find(({ endpoint }) => endpoint === `${namespace}/${name}`);
}

/** Of an AgentPolicy: what is spent of limits that tasks share. */
export function budgetsOf({ manifest, address }: StateRecord, { budgets }: RecordFacts): BudgetRow[] {
  if (manifest.kind !== "AgentPolicy") return [];
  const { namespace, name } = manifest.metadata;
  return budgetRows({ address, namespace, name, spec: manifest.spec }, budgets);
}

/** What a resource's `status` has of them. */
export function factsView(record: StateRecord, facts: RecordFacts): Readonly<Record<string, unknown>> {
  const schedule = facts.schedules.get(record.address);
  if (schedule !== undefined) return { schedule };
  const budgets = budgetsOf(record, facts);
  if (budgets.length > 0) return { budgets };
  if (record.manifest.kind !== "ModelEndpoint") return {};
  return { breaker: breakerOf(record, facts) ?? { state: "closed", failures: 0 } };
}
