// Finds one decision in the traces of an environment, newest tasks first, with what is known of its call.
import type { TaskRecord } from "../../contracts/task.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { listTasks, readTrace } from "../../store/tasks.ts";
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

/** Looks through the traces: there is no index of decisions, and a person asks for one at a time. */
export async function findDecision(
  redis: Redis,
  env: string,
  id: string,
  signal: AbortSignal,
): Promise<DecisionAnswer> {
  const tasks = await listTasks(redis, env, REPLAY_LIMITS.tasks);
  for (const task of tasks) {
    signal.throwIfAborted();
    const events = await readTrace(redis, { env, namespace: task.namespace, name: task.name });
    const event = events.find((candidate) => isDecision(candidate) && candidate["decisionId"] === id);
    if (event === undefined) continue;
    const call = events.find((other) => other["decisionId"] === id && other["arguments"] !== undefined);
    return { outcome: "found", found: { task, event, arguments: call?.["arguments"] } };
  }
  return { outcome: "unknown", tasks: tasks.length, complete: tasks.length < REPLAY_LIMITS.tasks };
}

function isDecision({ type }: TraceEvent): boolean {
  return type === "turn.decided" || type === "tool.decided";
}
