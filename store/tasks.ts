// Tasks as a whole: making, reading and listing them, reading and following their trace, asking them to stop.
import type { NewTask } from "../contracts/new-task.ts";
import { hasEnded, type TaskPhase, type TaskRecord, type TaskRef } from "../contracts/task.ts";
import type { TraceEvent } from "../contracts/trace.ts";
import { ask, askAll } from "./ask.ts";
import { callRunners } from "./calls.ts";
import { readEvents } from "./chain.ts";
import { closeRedis, type Redis } from "./connect.ts";
import { environmentKeys, parseTaskMember, taskKeys, taskMember } from "./keys.ts";
import { endByReason } from "./overdue.ts";
import type { ActivationQueue } from "./queue.ts";
import { isObject, listOf, numberOf, textsOf } from "./reply.ts";
import { cancelTask } from "./scripts/cancel-task.ts";
import { writeTask } from "./scripts/create-task.ts";
import { type Fields, readTaskPhase, readTaskRecord } from "./task-fields.ts";

export type CreateAnswer = { readonly outcome: "created" } | { readonly outcome: "exists" };

/**
 * Makes the task and rings for its entry activations. Calling it again for the same name changes nothing. The indexes
 * come first: after a crash at any point the sweep finds a task that is there, and forgets one that never came to be.
 */
export async function createTask(redis: Redis, queue: ActivationQueue, task: NewTask): Promise<CreateAnswer> {
  const { ref, priority, requirements } = task;
  const keys = environmentKeys(ref.env);
  const member = taskMember(ref);
  await askAll(redis, () =>
    redis
      .multi()
      .zadd(keys.tasks, "NX", Date.parse(task.createdAt), member)
      // By now, not by when it was ordered: the sweep forgets what stays unborn for long after this.
      .zadd(keys.live, Date.now(), member)
      .exec(),
  );
  const answer = await writeTask(redis, task);
  if (answer.outcome === "exists" && hasEnded(answer.phase)) await ask(redis, () => redis.zrem(keys.live, member));
  if (answer.outcome === "created") {
    const terms = { priority, requirements };
    await queue.ring(task.activations.map(({ id }) => ({ task: ref, activation: id, terms })));
  }
  return { outcome: answer.outcome };
}

export async function readTask(redis: Redis, ref: TaskRef): Promise<TaskRecord | undefined> {
  return (await readTasks(redis, [ref]))[0];
}

/** One for each, in their order; undefined: there is no such task (any more). */
export async function readPhases(redis: Redis, refs: readonly TaskRef[]): Promise<(TaskPhase | undefined)[]> {
  const pipeline = redis.pipeline();
  for (const ref of refs) pipeline.hmget(taskKeys(ref).task, "phase", "droppedAt");
  const answers = await askAll(redis, () => pipeline.exec());
  return refs.map((ref, index) => {
    const what = `the task ${ref.namespace}/${ref.name}`;
    const [phase, droppedAt] = listOf(what, answers[index]);
    return phase === null || droppedAt !== null ? undefined : readTaskPhase(what, phase);
  });
}

/** Newest first; all of them, or so many. */
export async function listTasks(redis: Redis, env: string, limit = 0): Promise<TaskRecord[]> {
  const members = await ask(redis, () => redis.zrevrange(environmentKeys(env).tasks, 0, limit - 1));
  const refs = members.flatMap((member) => parseTaskMember(env, member) ?? []);
  const tasks: TaskRecord[] = [];
  for (let first = 0; first < refs.length; first += READ_CHUNK) {
    tasks.push(...(await readTasks(redis, refs.slice(first, first + READ_CHUNK))));
  }
  return tasks;
}

/** By name. */
export async function listTaskRefs(redis: Redis, env: string): Promise<TaskRef[]> {
  const members = await ask(redis, () => redis.zrange(environmentKeys(env).tasks, "0", "-1"));
  return members.toSorted().flatMap((member) => parseTaskMember(env, member) ?? []);
}

/** Tasks in one pipeline: more would hold up everybody else. */
const READ_CHUNK = 200;

async function readTasks(redis: Redis, refs: readonly TaskRef[]): Promise<TaskRecord[]> {
  const pipeline = redis.pipeline();
  for (const ref of refs) {
    const keys = taskKeys(ref);
    // The order is read first: an activation that is made in between has its fields, never only its name.
    pipeline.lrange(keys.order, 0, -1).hgetall(keys.activations).hgetall(keys.task);
  }
  const answers = await askAll(redis, () => pipeline.exec());
  return refs.flatMap((ref, index) => {
    const [order, activations, task] = answers.slice(3 * index, 3 * index + 3);
    if (!isFields(task) || !isFields(activations) || task["phase"] === undefined) return [];
    if (task["droppedAt"] !== undefined) return [];
    return [readTaskRecord(ref, task, activations, textsOf(`the activations of ${ref.name}`, order))];
  });
}

function isFields(value: unknown): value is Fields {
  return isObject(value) && Object.values(value).every((field) => typeof field === "string");
}

export type CancelAnswer = "requested" | "ended" | "missing";

/**
 * Runners that work on it are told to look, and see the wish at their next renewal even if they do not hear of it. Where
 * nobody works on it, it ends at once.
 */
export async function requestCancel(redis: Redis, ref: TaskRef, by = ""): Promise<CancelAnswer> {
  const answer = await cancelTask(redis, ref, by);
  if (answer !== "requested") return answer;
  await callRunners(redis, ref);
  await endByReason(redis, ref, { cancelledBy: by }, "cancel");
  return answer;
}

/** Records in one answer: a trace may be long, and Redis serves others meanwhile. */
const CHUNK = 300;
/** How long one look waits for the next event before the task's phase is asked for. */
const LOOK_MS = 1_000;

/** Events behind `afterSeq`, in order. */
export async function readTrace(redis: Redis, ref: TaskRef, afterSeq = 0): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  let from = afterSeq;
  for (;;) {
    const entries = await ask(redis, () => redis.xrange(taskKeys(ref).journal, `(${from}-0`, "+", "COUNT", CHUNK));
    for (const entry of entries) events.push(...eventsBehind(ref, entry, from));
    if (entries.length < CHUNK) return events;
    from = seqOf(ref, entries.at(-1)?.[0]);
  }
}

/** The same up to an event, without all of them at once. */
export async function* readTraceUpTo(redis: Redis, ref: TaskRef, seq: number): AsyncIterable<TraceEvent> {
  const { journal } = taskKeys(ref);
  for (let from = 0; from < seq; ) {
    const entries = await ask(redis, () => redis.xrange(journal, `(${from}-0`, "+", "COUNT", CHUNK));
    if (entries.length === 0) return;
    for (const entry of entries) {
      yield* eventsBehind(ref, entry, from, seq);
      from = seqOf(ref, entry[0]);
      if (from >= seq) return;
    }
  }
}

/** What is there and what comes, until the task has ended and all was given, or until `signal` is aborted. */
export async function* followTrace(
  redis: Redis,
  ref: TaskRef,
  afterSeq: number,
  signal: AbortSignal,
): AsyncIterable<TraceEvent> {
  // A blocking read needs a connection of its own: everything behind it on a shared one would wait with it.
  const reader = redis.duplicate({ maxRetriesPerRequest: null, commandTimeout: undefined });
  reader.on("error", () => undefined);
  const stop = (): void => reader.disconnect();
  signal.addEventListener("abort", stop, { once: true });
  let from = afterSeq;
  try {
    while (!signal.aborted) {
      const isOver = await readIsOver(redis, ref, from);
      const entries = isOver ? [] : await nextEntries(reader, ref, from, signal);
      for (const entry of entries) {
        const events = eventsBehind(ref, entry, from);
        from = seqOf(ref, entry[0]);
        yield* events;
      }
      if (isOver) return;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await closeRedis(reader);
  }
}

type Entry = readonly [id: string, fields: readonly string[]];

async function nextEntries(reader: Redis, ref: TaskRef, from: number, signal: AbortSignal): Promise<readonly Entry[]> {
  try {
    const read = (): ReturnType<typeof reader.xread> =>
      reader.xread("COUNT", CHUNK, "BLOCK", LOOK_MS, "STREAMS", taskKeys(ref).journal, `${from}-0`);
    return (await ask(reader, read))?.[0]?.[1] ?? [];
  } catch (error) {
    if (signal.aborted) return [];
    throw error;
  }
}

/** Ended, or gone, and nothing behind `from`. */
async function readIsOver(redis: Redis, ref: TaskRef, from: number): Promise<boolean> {
  const what = `the task ${ref.namespace}/${ref.name}`;
  const [phase, seq] = await ask(redis, () => redis.hmget(taskKeys(ref).task, "phase", "seq"));
  if (phase === null || phase === undefined) return true;
  return hasEnded(readTaskPhase(what, phase)) && numberOf(what, seq) <= from;
}

/** Of the events in one entry, whose id is the number of its last, those with a number above `after`, and up to `last`. */
function eventsBehind(ref: TaskRef, [id, fields]: Entry, after: number, last = Number.POSITIVE_INFINITY): TraceEvent[] {
  const events = readEvents(`the trace of ${ref.namespace}/${ref.name} at ${id}`, fields[3]);
  const before = seqOf(ref, id) - events.length;
  return events.slice(Math.max(0, after - before), Math.max(0, last - before));
}

function seqOf(ref: TaskRef, id: string | undefined): number {
  return numberOf(`the trace of ${ref.namespace}/${ref.name}`, id?.split("-", 1)[0]);
}
