// Turns a delivery into its task: claimed first, durably, then made. Whoever dies in between, the sender who tries again or
// the next look of the reconciler that leads goes on; an event is one task for as long as it is remembered.
import type { Address } from "../../../contracts/address.ts";
import type { StateRecord } from "../../../contracts/record.ts";
import type { TaskRef } from "../../../contracts/task.ts";
import type { WebhookRules } from "../../../contracts/webhook.ts";
import {
  claimDelivery,
  type Delivery,
  digestOfEvent,
  pendingDeliveries,
  releaseDelivery,
  settleDelivery,
} from "../../../store/deliveries.ts";
import type { TaskMaker } from "../../apply/task-intents.ts";
import type { AppliedState } from "../applied-state.ts";
import type { WebhookEvent } from "../events.ts";
import { partsOf } from "../schedule-turn.ts";
import { type Declared, makeTriggeredTask } from "../triggered-task.ts";

export interface Arrival {
  readonly record: StateRecord;
  readonly rules: WebhookRules;
  readonly event: string;
  readonly payload: string;
}

export type Taken =
  | { readonly outcome: "accepted" | "duplicate"; readonly task: Pick<TaskRef, "namespace" | "name"> }
  /** There is no template, or no system, to make a task from. */
  | { readonly outcome: "impossible" }
  /** Too many deliveries wait for their tasks. */
  | { readonly outcome: "full" };

export async function takeDelivery(maker: TaskMaker, arrival: Arrival, state: AppliedState): Promise<Taken> {
  const { record, rules, event, payload } = arrival;
  const at = maker.now().toISOString();
  const wanted = { webhook: record.address, event, name: taskName(record.address, event, at), payload, at };
  const answer = await claimDelivery(maker.redis, maker.env, wanted, rules.rememberMs);
  if (answer.outcome === "full" || answer.outcome === "duplicate") return answer;
  const task = await makeDelivered(maker, answer.delivery, { record, rules }, await state.declare());
  if (task === undefined) return { outcome: "impossible" };
  return { outcome: answer.outcome === "claimed" ? "accepted" : "duplicate", task };
}

type Hook = Pick<Arrival, "record" | "rules">;

async function makeDelivered(
  maker: TaskMaker,
  delivery: Delivery,
  { record, rules }: Hook,
  declared: Declared,
): Promise<TaskRef | undefined> {
  const { webhook: address, event, name, payload } = delivery;
  const trigger = { kind: "webhook", address, event } as const;
  const input = { [rules.inputKey]: payload };
  const task = await makeTriggeredTask(maker, { record, name, trigger, input }, declared);
  if (task === undefined) await releaseDelivery(maker.redis, maker.env, delivery);
  else await settleDelivery(maker.redis, maker.env, delivery, task);
  return task;
}

/** Room for the time and for what tells events of one second apart. */
const NAME_LENGTH = 200;

/** An event that comes again after it was forgotten is another task: so the name tells when it was claimed. */
function taskName(webhook: Address, event: string, at: string): string {
  const { name } = partsOf(webhook);
  return `${name.slice(0, NAME_LENGTH)}-${at.replace(/\D/g, "").slice(0, 14)}-${digestOfEvent(event).slice(0, 8)}`;
}

/** Whoever claimed one that is older than this has died, or is about to make the same task. */
const LATE_MS = 5_000;

export interface DeliverySweeper extends TaskMaker {
  readonly emit: (event: WebhookEvent) => void;
}

/** Makes the tasks of deliveries that were claimed by somebody who died. `findHook`: undefined for what was pruned. */
export async function sweepDeliveries(
  sweeper: DeliverySweeper,
  state: AppliedState,
  findHook: (record: StateRecord) => Hook | undefined,
): Promise<void> {
  const before = new Date(sweeper.now().getTime() - LATE_MS).toISOString();
  const late = (await pendingDeliveries(sweeper.redis, sweeper.env)).filter(({ at }) => at < before);
  if (late.length === 0) return;
  const { records } = await state.read();
  const declared = await state.declare();
  for (const delivery of late) {
    const record = records.get(delivery.webhook);
    const hook = record === undefined ? undefined : findHook(record);
    if (hook === undefined) await releaseDelivery(sweeper.redis, sweeper.env, delivery);
    else {
      const task = await makeDelivered(sweeper, delivery, hook, declared);
      if (task !== undefined) sweeper.emit({ type: "webhook-accepted", webhook: delivery.webhook, task: task.name });
    }
  }
}
