// Brings previews on without asking GitHub: tasks that ended, limits that are over, environments that nobody works in any
// more and that are removed. Safe to repeat at any point.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Preview, PreviewTask } from "../../contracts/preview.ts";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import { appendAudit } from "../../store/audit-log.ts";
import { readStand } from "../../store/audit-tasks.ts";
import { emptyPreviewEnvironment } from "../../store/preview-environment.ts";
import { forgetPreview, isEntered, readPreviews } from "../../store/previews.ts";
import { openQueue } from "../../store/queue.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { requestCancel } from "../../store/tasks.ts";
import { readTaskReport } from "../report/read-task-report.ts";
import { renderTaskLine } from "../report/render-trace.ts";
import { keepAndTell, type PreviewCare } from "./care.ts";

export type SettleCare = Pick<PreviewCare, "redis" | "env" | "now" | "signal">;

/** Answers whether there is something new to tell, or room for another preview. */
export async function settlePreviews(care: SettleCare): Promise<boolean> {
  let moved = false;
  for (const preview of await readPreviews(care.redis, care.env)) {
    if (care.signal.aborted) break;
    if (await settle(care, preview)) moved = true;
  }
  return moved;
}

async function settle(care: SettleCare, preview: Preview): Promise<boolean> {
  switch (preview.phase) {
    case "running":
      return await settleRunning(care, preview);
    case "ending":
      return await settleEnding(care, preview);
    case "dropping":
      return await drop(care, preview);
    case "asking":
    case "refused":
    case "starting":
    case "ended":
      return false;
  }
}

async function settleRunning(care: SettleCare, preview: Preview): Promise<boolean> {
  const isLate = care.now().getTime() > Date.parse(preview.endsAt);
  if (isLate) await cancelAll(care, preview);
  const tasks = await lookAtTasks(care, preview);
  const isOver = tasks.every(({ phase }) => hasEnded(phase));
  if (!isOver && storyOf(tasks) === storyOf(preview.tasks)) return false;
  const remarks = isLate && isOver ? [...preview.remarks, TIME_OVER] : preview.remarks;
  await keepAndTell(care, { ...preview, phase: isOver ? "ended" : "running", tasks, remarks });
  return true;
}

const TIME_OVER = "what had not ended when its time was over was cancelled";

/** What people are told while they wait: which task has ended, and which waits for a person. */
function storyOf(tasks: readonly PreviewTask[]): string {
  return tasks.map(({ phase }) => (phase === "Running" || phase === "Pending" ? "" : phase)).join(" ");
}

async function settleEnding(care: SettleCare, preview: Preview): Promise<boolean> {
  await cancelAll(care, preview);
  const tasks = await lookAtTasks(care, preview);
  if (!tasks.every(({ phase }) => hasEnded(phase))) return false;
  // Told from what is kept: its traces are gone when GitHub hears of it.
  const ended: Preview = { ...preview, phase: "dropping", tasks };
  await keepAndTell(care, ended);
  await drop(care, ended);
  return true;
}

/** The word on where its traces ended goes before they do. */
async function drop({ redis, env }: SettleCare, preview: Preview): Promise<boolean> {
  const { pullRequest, head, env: own, end, id } = preview;
  if (await isEntered(redis, env, pullRequest)) return false;
  const tasks = preview.tasks.map(({ namespace, name, phase, trace }) => ({
    task: `${namespace}/${name}`,
    phase,
    events: trace.seq,
    head: trace.head,
  }));
  const facts = { kind: "preview.ended" as const, pullRequest, head, environment: own, why: end, tasks };
  await appendAudit(redis, env, [{ once: `preview ended ${id}`, facts }]);
  await emptyPreviewEnvironment(redis, own, { of: env, id }, "give-back");
  await forgetPreview(redis, env, pullRequest);
  return true;
}

async function cancelAll({ redis }: SettleCare, preview: Preview): Promise<void> {
  for (const { task } of open(preview)) await unlessDamaged(() => requestCancel(redis, task, "the preview's end"));
}

function open({ tasks, env }: Preview): { readonly task: TaskRef }[] {
  return tasks
    .filter(({ phase }) => !hasEnded(phase))
    .map(({ namespace, name }) => ({ task: { env, namespace, name } }));
}

/** After a sweep, so that limits hold though no runner is there. What is gone is as it was seen last. */
async function lookAtTasks({ redis }: SettleCare, preview: Preview): Promise<PreviewTask[]> {
  const queue = openQueue(redis, preview.env);
  try {
    await unlessDamaged(() => sweepTasks(redis, queue));
  } finally {
    await queue.close();
  }
  return await Promise.all(preview.tasks.map((task) => lookAtTask(redis, preview.env, task)));
}

async function lookAtTask(redis: SettleCare["redis"], env: string, task: PreviewTask): Promise<PreviewTask> {
  const ref = { env, namespace: task.namespace, name: task.name };
  const stand = await unlessDamaged(() => readStand(redis, ref));
  if (stand === undefined) return { ...task, phase: hasEnded(task.phase) ? task.phase : "Cancelled" };
  const trace = { seq: stand.events, head: stand.head };
  const report = hasEnded(stand.phase) ? await unlessDamaged(() => readTaskReport(redis, ref)) : undefined;
  return { ...task, phase: stand.phase, trace, line: report === undefined ? null : renderTaskLine(report) };
}

/** A task that nobody can read any more is not worked on, and keeps no preview from its end. */
async function unlessDamaged<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}
