// Tasks with what is not in their records: what they wait for, and how far the calls have come that they are at.
import type { TaskRecord } from "../contracts/task.ts";
import { type CallProgress, progressIn, progressText } from "../contracts/tool-progress.ts";
import { oneLine, shorten } from "../reconciler/plan/inert.ts";
import type { Redis } from "../store/connect.ts";
import { readTrace } from "../store/tasks.ts";
import { type WaitingTask, withWaiting } from "./task-waiting.ts";

export type ShownTask = WaitingTask & { readonly progress?: readonly CallProgress[] };

export async function showTasks(redis: Redis, env: string, tasks: readonly TaskRecord[]): Promise<ShownTask[]> {
  const waiting = await withWaiting(redis, env, tasks);
  return Promise.all(
    waiting.map(async (task) => {
      const progress = isAtWork(task) ? await readProgress(redis, env, task) : [];
      return progress.length === 0 ? task : { ...task, progress };
    }),
  );
}

function isAtWork({ activations }: TaskRecord): boolean {
  return activations.some(({ phase }) => phase === "Leased");
}

/** Events from the end: a call tells of itself at most a second after it began to. */
const TAIL = 200;

async function readProgress(redis: Redis, env: string, { namespace, name, trace, activations }: TaskRecord) {
  const tail = await readTrace(redis, { env, namespace, name }, Math.max(0, trace.seq - TAIL));
  const leased = new Set(activations.flatMap(({ id, phase }) => (phase === "Leased" ? [id] : [])));
  return progressIn(tail).filter(({ activation }) => leased.has(activation));
}

const LONGEST = 60;

/** For a cell of a table: `40/100 indexing`. */
export function progressCell(progress: CallProgress): string {
  return shorten(oneLine(progressText(progress)), LONGEST);
}
