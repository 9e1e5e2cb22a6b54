// Makes the task of a slot or a delivery from the records as they are: once, whoever tries, however often.
import { createHash } from "node:crypto";
import { addressOf } from "../../contracts/address.ts";
import type { TaskSpec } from "../../contracts/kinds/task.ts";
import { specOf } from "../../contracts/kinds.ts";
import { makeTask, type TaskRequest } from "../../contracts/new-task.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import type { TaskRef, TaskTrigger } from "../../contracts/task.ts";
import { createTask, readTask } from "../../store/tasks.ts";
import type { TaskMaker } from "../apply/task-intents.ts";
import { requestSystem } from "../apply/task-request.ts";
import { scoped } from "../load/check-references.ts";

export interface Triggered {
  /** The TaskSchedule or TaskWebhook. */
  readonly record: StateRecord;
  readonly name: string;
  readonly trigger: TaskTrigger;
  /** Beside those of the template. */
  readonly input?: Readonly<Record<string, string>>;
}

export interface Declared {
  readonly records: ObservedState["records"];
  /** The digest of a snapshot of them that is kept already. */
  readonly snapshot: string;
}

/** Undefined: there is no template, or no system (any more), to make a task from. */
export async function makeTriggeredTask(
  maker: TaskMaker,
  triggered: Triggered,
  declared: Declared,
): Promise<TaskRef | undefined> {
  const first = await makeNamed(maker, triggered, declared, triggered.name);
  if (first !== "taken") return first;
  const second = await makeNamed(maker, triggered, declared, otherName(triggered));
  return second === "taken" ? undefined : second;
}

async function makeNamed(
  { redis, queue, env, now }: TaskMaker,
  triggered: Triggered,
  declared: Declared,
  name: string,
): Promise<TaskRef | "taken" | undefined> {
  const request = requestTask({ ...triggered, name }, declared, { env, createdAt: now().toISOString() });
  if (request === undefined) return undefined;
  const { outcome } = await createTask(redis, queue, makeTask(request));
  if (outcome === "created") return request.ref;
  const existing = await readTask(redis, request.ref);
  // One that was dropped already was ours: names of slots and deliveries are given once.
  return existing === undefined || isSame(existing.trigger, triggered.trigger) ? request.ref : "taken";
}

function isSame(a: TaskTrigger | undefined, b: TaskTrigger): boolean {
  if (a?.kind === "schedule" && b.kind === "schedule") return a.slot === b.slot && a.address === b.address;
  return a?.kind === "webhook" && b.kind === "webhook" && a.event === b.event && a.address === b.address;
}

/** For a name that somebody else's task has: the same slot or delivery always gets the same other name. */
function otherName({ name, trigger }: Triggered): string {
  return `${name}-${createHash("sha256").update(JSON.stringify(trigger)).digest("hex").slice(0, 8)}`;
}

function requestTask(
  { record, name, trigger, input = {} }: Triggered,
  { records, snapshot }: Declared,
  facts: { readonly env: string; readonly createdAt: string },
): TaskRequest | undefined {
  const template = findTemplate(record, records);
  if (template === undefined) return undefined;
  const { source } = record;
  const request = requestSystem({ ...facts, ...template, name, snapshot, source, plan: null }, records);
  if (request === undefined) return undefined;
  return { ...request, input: { ...request.input, ...input }, trigger };
}

interface Template {
  readonly spec: TaskSpec;
  /** Where its system is, and the task will be. */
  readonly namespace: string;
  /** What policies know it by. */
  readonly manifest: string;
}

/** Written in the manifest itself, or a Task of mode `template` that it names. */
function findTemplate({ manifest }: StateRecord, records: Declared["records"]): Template | undefined {
  const { namespace, name } = manifest.metadata;
  const spec = specOf(manifest, "TaskSchedule") ?? specOf(manifest, "TaskWebhook");
  if (spec?.task_template !== undefined) return { spec: spec.task_template, namespace, manifest: name };
  if (spec?.task_ref === undefined) return undefined;
  const task = records.get(addressOf({ kind: "Task", ...scoped(spec.task_ref, namespace) }))?.manifest;
  const template = task === undefined ? undefined : specOf(task, "Task");
  if (task === undefined || template?.mode !== "template") return undefined;
  return { spec: template, namespace: task.metadata.namespace, manifest: task.metadata.name };
}
