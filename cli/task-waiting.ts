// Tells of tasks that could be worked on, and are not, what they wait for: it depends on the runners that are there now.
import { type Waiting, whyWaiting } from "../contracts/matching.ts";
import { hasEnded, type TaskRecord } from "../contracts/task.ts";
import type { Redis } from "../store/connect.ts";
import { listRunners } from "../store/runners.ts";

export type WaitingTask = TaskRecord & { readonly waiting?: Waiting };

export async function withWaiting(redis: Redis, env: string, tasks: readonly TaskRecord[]): Promise<WaitingTask[]> {
  if (!tasks.some(isRunnable)) return [...tasks];
  const runners = await listRunners(redis, env);
  return tasks.map((task) => {
    const waiting = isRunnable(task) ? whyWaiting(task.requirements, runners) : undefined;
    return waiting === undefined ? task : { ...task, waiting };
  });
}

function isRunnable({ phase, activations }: TaskRecord): boolean {
  return !hasEnded(phase) && activations.some((activation) => activation.phase === "Runnable");
}

/** For a cell of a table. */
export function waitingText({ reason, missing }: Waiting): string {
  if (missing.length === 0) return "a runner";
  return reason === "NO_RUNNER" ? `a runner with ${missing.join(", ")}` : missing.join(", ");
}
