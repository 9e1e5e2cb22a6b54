// Reads recorded decisions out of the traces of an environment, newest first, and no more than somebody has time for.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import type { TaskRecord } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { listTasks, readTrace } from "../../store/tasks.ts";
import { type Definitions, decisionsIn, type RecordedDecision, readDefinitions } from "./recorded-decision.ts";
import type { Recorded } from "./replay.ts";

export const REPLAY_LIMITS = {
  /** Tasks whose traces are looked into. */
  tasks: 2_000,
  /** In a plan, which somebody waits for. */
  planned: 2_000,
  /** Of `policy replay`. */
  asked: 20_000,
  /** How far back a plan looks. */
  planDays: 7,
} as const;

export interface DecisionsWanted {
  readonly env: string;
  readonly since: Date;
  readonly limit: number;
  readonly signal: AbortSignal;
}

export async function readDecisions(redis: Redis, { env, since, limit, signal }: DecisionsWanted): Promise<Recorded> {
  const from = since.toISOString();
  const tasks = await listTasks(redis, env, REPLAY_LIMITS.tasks);
  const snapshots = new Map<string, Promise<Definitions>>();
  const found: RecordedDecision[] = [];
  let complete = tasks.length < REPLAY_LIMITS.tasks;
  for (const task of tasks) {
    signal.throwIfAborted();
    if (task.finishedAt !== null && task.finishedAt < from) continue;
    if (found.length >= limit) {
      complete = false;
      break;
    }
    const decisions = await readTaskDecisions(redis, env, task, snapshots);
    for (const decision of decisions) if (decision.at >= from) found.push(decision);
  }
  const sorted = found.toSorted(newestFirst);
  return { since: from, decisions: sorted.slice(0, limit), complete: complete && sorted.length <= limit };
}

async function readTaskDecisions(
  redis: Redis,
  env: string,
  task: TaskRecord,
  snapshots: Map<string, Promise<Definitions>>,
): Promise<RecordedDecision[]> {
  const events = await readTrace(redis, { env, namespace: task.namespace, name: task.name });
  const known = snapshots.get(task.snapshot) ?? findSnapshot(redis, env, task.snapshot).then(readDefinitions);
  snapshots.set(task.snapshot, known);
  return decisionsIn(task, await known, events);
}

/** One that is gone takes what agents were granted with it: their decisions cannot be told. */
async function findSnapshot(redis: Redis, env: string, digest: string): Promise<Snapshot | null> {
  try {
    return await readSnapshot(redis, env, digest);
  } catch (error) {
    if (error instanceof PermanentFailure) return null;
    throw error;
  }
}

function newestFirst(a: RecordedDecision, b: RecordedDecision): number {
  if (a.at !== b.at) return a.at < b.at ? 1 : -1;
  return a.decisionId < b.decisionId ? -1 : 1;
}
