// Finds one decision in the traces of an environment, newest tasks first, with what is known of its call.
import { mayBeOf } from "../../contracts/decision-id.ts";
import type { TaskRecord } from "../../contracts/task.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { listTaskRefs, listTasks, readTask, readTrace } from "../../store/tasks.ts";
import { REPLAY_LIMITS } from "./read-decisions.ts";

export interface FoundDecision {
  readonly task: TaskRecord;
  readonly event: TraceEvent;
  /** Of a call: redacted, and cut where they were long. */
  readonly arguments: unknown;
}

export type DecisionAnswer =
  | { readonly outcome: "found"; readonly found: FoundDecision }
  | { readonly outcome: "unknown"; readonly tasks: number; readonly complete: boolean };

/** An id says which tasks it may be of. One that is older than that is looked for in the newest traces. */
export async function findDecision(
  redis: Redis,
  env: string,
  id: string,
  signal: AbortSignal,
): Promise<DecisionAnswer> {
  const named = (await listTaskRefs(redis, env)).filter((ref) => mayBeOf(ref, id));
  const meant = await Promise.all(named.map((ref) => readTask(redis, ref)));
  const found = await findIn(
    redis,
    env,
    id,
    meant.flatMap((task) => task ?? []),
    signal,
  );
  if (found !== undefined) return { outcome: "found", found };
  const newest = await listTasks(redis, env, REPLAY_LIMITS.tasks);
  const older = await findIn(redis, env, id, newest, signal);
  if (older !== undefined) return { outcome: "found", found: older };
  return { outcome: "unknown", tasks: newest.length, complete: newest.length < REPLAY_LIMITS.tasks };
}

async function findIn(
  redis: Redis,
  env: string,
  id: string,
  tasks: readonly TaskRecord[],
  signal: AbortSignal,
): Promise<FoundDecision | undefined> {
  for (const task of tasks) {
    signal.throwIfAborted();
    const events = await readTrace(redis, { env, namespace: task.namespace, name: task.name });
    const event = events.find((candidate) => isDecision(candidate) && candidate["decisionId"] === id);
    if (event === undefined) continue;
    const call = events.find((other) => other["decisionId"] === id && other["arguments"] !== undefined);
    return { task, event, arguments: call?.["arguments"] };
  }
  return undefined;
}

function isDecision({ type }: TraceEvent): boolean {
  return type === "turn.decided" || type === "tool.decided";
}
