// Deliveries to webhooks: which task each event became, for as long as it is remembered, and those whose task is perhaps
// still to be made.
import { createHash } from "node:crypto";
import { type Address, parseAddress } from "../contracts/address.ts";
import type { TaskRef } from "../contracts/task.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { deliveryKey, environmentKeys, parseTaskMember, taskMember } from "./keys.ts";
import { corrupt, jsonOf, objectOf, textOf } from "./reply.ts";
import { claimKeys } from "./scripts/claim-delivery.ts";

/** Everything that a task needs beside the records: kept until the task is there. */
export interface Delivery {
  readonly webhook: Address;
  /** The sender's id of the event. */
  readonly event: string;
  /** The task's name. */
  readonly name: string;
  /** The body, as it came. */
  readonly payload: string;
  readonly at: string;
}

type TaskName = Pick<TaskRef, "namespace" | "name">;

export type DeliveryAnswer =
  /** Nobody claimed this event before: make its task. */
  | { readonly outcome: "claimed"; readonly delivery: Delivery }
  /** Claimed before, and not known to be made: make its task, which changes nothing where it is there. */
  | { readonly outcome: "pending"; readonly delivery: Delivery }
  | { readonly outcome: "duplicate"; readonly task: TaskName }
  /** Too many deliveries wait for their tasks. */
  | { readonly outcome: "full" };

const PENDING_DELIVERIES = 1_000;

export async function claimDelivery(
  redis: Redis,
  env: string,
  delivery: Delivery,
  rememberMs: number,
): Promise<DeliveryAnswer> {
  const answer = await claimKeys(redis, env, {
    key: deliveryKey(env, delivery.webhook, digestOfEvent(delivery.event)),
    field: fieldOf(delivery),
    became: "",
    rememberMs,
    madeOf: JSON.stringify(delivery),
    maxPending: PENDING_DELIVERIES,
  });
  if (answer.outcome === "claimed") return { outcome: "claimed", delivery };
  if (answer.outcome === "full") return answer;
  if (answer.madeOf === "") return { outcome: "duplicate", task: readTaskName(env, fieldOf(delivery), answer.became) };
  return { outcome: "pending", delivery: readDelivery(fieldOf(delivery), answer.madeOf) };
}

/** Once the task is there: from now on the event is told the name that it has. */
export async function settleDelivery(redis: Redis, env: string, delivery: Delivery, task: TaskName): Promise<void> {
  const key = deliveryKey(env, delivery.webhook, digestOfEvent(delivery.event));
  await askAll(redis, () =>
    redis
      .multi()
      .set(key, taskMember(task), "KEEPTTL", "XX")
      .hdel(environmentKeys(env).pendingDeliveries, fieldOf(delivery))
      .exec(),
  );
}

/** Once nobody can make its task: the event may come again. */
export async function releaseDelivery(redis: Redis, env: string, delivery: Delivery): Promise<void> {
  const key = deliveryKey(env, delivery.webhook, digestOfEvent(delivery.event));
  await askAll(redis, () =>
    redis.multi().del(key).hdel(environmentKeys(env).pendingDeliveries, fieldOf(delivery)).exec(),
  );
}

/** In the order of their fields. */
export async function pendingDeliveries(redis: Redis, env: string): Promise<Delivery[]> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).pendingDeliveries));
  return Object.entries(found)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([field, text]) => readDelivery(field, text));
}

/** What a sender calls an event is never part of a key's name. */
export function digestOfEvent(event: string): string {
  return createHash("sha256").update(event).digest("hex");
}

function fieldOf({ webhook, event }: Pick<Delivery, "webhook" | "event">): string {
  return `${webhook} ${digestOfEvent(event)}`;
}

function readTaskName(env: string, field: string, became: string): TaskName {
  const task = parseTaskMember(env, became);
  if (task === undefined) throw corrupt(`what became of the delivery ${field}`, "it names no task");
  return task;
}

function readDelivery(field: string, text: string): Delivery {
  const what = `the delivery ${field}`;
  const { webhook, event, name, payload, at } = objectOf(what, jsonOf(what, text));
  const address = textOf(what, webhook);
  if (parseAddress(address) === undefined) throw corrupt(what, "it names no webhook");
  return {
    webhook: address as Address,
    event: textOf(what, event),
    name: textOf(what, name),
    payload: textOf(what, payload),
    at: textOf(what, at),
  };
}
