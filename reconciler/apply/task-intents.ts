// Makes the tasks that applies have ordered. Whatever was interrupted goes on here, and nothing is made twice.
import type { Address } from "../../contracts/address.ts";
import { makeTask } from "../../contracts/new-task.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { readState } from "../../store/state.ts";
import { pendingTaskIntents, settleTaskIntent, type TaskIntent } from "../../store/task-intents.ts";
import { createTask, readTask } from "../../store/tasks.ts";
import { makeTaskRequest, orderTask, otherName } from "./task-request.ts";

export interface TaskMaker {
  readonly redis: Redis;
  readonly queue: ActivationQueue;
  readonly env: string;
  readonly now: () => Date;
}

/**
 * The tasks that were made. Called after every apply, before the next one, and by every tick: an intent that a crash
 * left behind is found here, and createTask answers `exists` where the crash came after the task was made.
 */
export async function makeOrderedTasks(maker: TaskMaker): Promise<TaskRef[]> {
  const intents = await pendingTaskIntents(maker.redis, maker.env);
  if (intents.length === 0) return [];
  const { records } = await readState(maker.redis, maker.env);
  const snapshot = makeSnapshot(records.values());
  await putSnapshot(maker.redis, maker.env, snapshot);
  const made: TaskRef[] = [];
  for (const intent of intents) {
    const ref = await makeOrderedTask(maker, intent, { records, snapshot: snapshot.digest });
    if (ref !== undefined) made.push(ref);
    await settleTaskIntent(maker.redis, maker.env, intent.key);
  }
  return made;
}

interface Applied {
  readonly records: ObservedState["records"];
  readonly snapshot: string;
}

async function makeOrderedTask(maker: TaskMaker, intent: TaskIntent, applied: Applied): Promise<TaskRef | undefined> {
  const record = findOrdered(intent, applied.records);
  if (record === undefined) return undefined;
  const first = await createNamed(maker, intent, record, applied, intent.name);
  if (first !== "taken") return first;
  const second = await createNamed(maker, intent, record, applied, otherName(intent));
  return second === "taken" ? undefined : second;
}

/** The record may have gone on since: then its newer content has an order of its own, and this one lapses. */
function findOrdered(intent: TaskIntent, records: ReadonlyMap<Address, StateRecord>): StateRecord | undefined {
  const record = records.get(intent.address);
  return record !== undefined && orderTask(record)?.key === intent.key ? record : undefined;
}

async function createNamed(
  { redis, queue, env, now }: TaskMaker,
  intent: TaskIntent,
  record: StateRecord,
  { records, snapshot }: Applied,
  name: string,
): Promise<TaskRef | "taken" | undefined> {
  const createdAt = now().toISOString();
  const request = makeTaskRequest({ env, name, record, records, snapshot, plan: intent.planDigest, createdAt });
  if (request === undefined) return undefined;
  const { outcome } = await createTask(redis, queue, makeTask(request));
  if (outcome === "created") return request.ref;
  // A task of this plan is ours, made before a crash. Any other one had the name first: a Task that was pruned and came back.
  const existing = await readTask(redis, request.ref);
  return existing?.plan === intent.planDigest ? request.ref : "taken";
}
