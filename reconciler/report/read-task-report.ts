// Reads what a task did out of the store, its trace verified: where every report about a task gets its facts.
import { addressOf } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { type Graph, readGraph } from "../../contracts/graph.ts";
import { specOf } from "../../contracts/kinds.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRecord, TaskRef } from "../../contracts/task.ts";
import { verifyChain } from "../../contracts/trace.ts";
import { summarizeTrace } from "../../contracts/trace-summary.ts";
import type { Redis } from "../../store/connect.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { readTask, readTrace } from "../../store/tasks.ts";
import type { TaskReport } from "./render-trace.ts";

/** undefined: there is no such task. */
export async function readTaskReport(redis: Redis, ref: TaskRef): Promise<TaskReport | undefined> {
  const task = await readTask(redis, ref);
  return task === undefined ? undefined : reportTask(redis, ref.env, task);
}

/** The record is read before the trace, so a task that goes on shows a longer trace, never a cut one. */
export async function reportTask(redis: Redis, env: string, task: TaskRecord): Promise<TaskReport> {
  const read = await readTrace(redis, { env, namespace: task.namespace, name: task.name });
  const events = read.slice(0, task.trace.seq);
  const chain = verifyChain(taskId(task), events, task.trace, task.erased?.left);
  return { task, summary: summarizeTrace(events), chain, graph: await readTaskGraph(redis, env, task) };
}

async function readTaskGraph(redis: Redis, env: string, task: TaskRecord): Promise<Graph | null> {
  const address = addressOf({ kind: "AgentSystem", namespace: task.namespace, name: task.system });
  const snapshot = await readSnapshot(redis, env, task.snapshot).catch(nothingIfLost);
  const manifest = snapshot?.entries[address]?.manifest;
  const spec = manifest === undefined ? undefined : specOf(manifest, "AgentSystem");
  return spec === undefined ? null : readGraph(spec);
}

/** A lost or damaged snapshot costs the drawing, not the report. */
function nothingIfLost(error: unknown): undefined {
  if (error instanceof PermanentFailure) return undefined;
  throw error;
}
