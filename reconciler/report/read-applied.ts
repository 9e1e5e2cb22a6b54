// Reads what an apply came to: when it was, which tasks it started, and whether all of these have ended.
import { digestOf } from "../../contracts/canonical.ts";
import type { OutboxEntry } from "../../contracts/outbox.ts";
import type { Plan } from "../../contracts/plan.ts";
import { hasEnded, type TaskRecord } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import { readHistory } from "../../store/history.ts";
import { listTasks } from "../../store/tasks.ts";
import type { AppliedPost } from "./post-applied.ts";
import { reportTask } from "./read-task-report.ts";
import type { TaskReport } from "./render-trace.ts";

export const APPLIED_LIMITS = {
  /** Applies that are looked through for the time of one. */
  history: 200,
  /** Tasks of one commit that its record lists; the rest is counted. */
  tasks: 50,
  /** A record waits so long for its tasks; later ends are told by the tasks' own checks alone. */
  taskWaitMs: 24 * 60 * 60 * 1_000,
} as const;

type AppliedEntry = Extract<OutboxEntry, { readonly kind: "applied" }>;

/** Cheap to read again and again: no trace is in it. */
export interface AppliedFacts {
  readonly entry: AppliedEntry;
  readonly appliedAt: string | null;
  /** Those that the commit asked for, oldest first. */
  readonly tasks: readonly TaskRecord[];
}

export async function readAppliedFacts(redis: Redis, env: string, entry: AppliedEntry): Promise<AppliedFacts> {
  const history = await readHistory(redis, env, APPLIED_LIMITS.history);
  const tasks = (await listTasks(redis, env)).filter(({ source }) => source?.commit === entry.commit);
  const appliedAt = history.find(({ serial }) => serial === entry.serial)?.appliedAt ?? null;
  return { entry, appliedAt, tasks: tasks.toReversed() };
}

/** Two facts with one digest look the same on GitHub. */
export function digestOfFacts({ appliedAt, tasks }: AppliedFacts): string {
  return digestOf([
    appliedAt,
    ...tasks.map(({ namespace, name, phase, trace }) => [namespace, name, phase, trace.head]),
  ]);
}

/** Every run-mode Task that the plan writes makes a task; the record is whole when all of them have ended. */
export function isSettled({ entry, tasks, appliedAt }: AppliedFacts, now: Date): boolean {
  const since = Date.parse(appliedAt ?? entry.plan.createdAt);
  if (now.getTime() - since > APPLIED_LIMITS.taskWaitMs) return true;
  return tasks.length >= expectedTasks(entry.plan) && tasks.every(({ phase }) => hasEnded(phase));
}

/** The same spec is run once, for ever: an update of labels alone makes no task. */
function expectedTasks({ changes }: Plan): number {
  const written = changes.filter(
    ({ kind, action, blocked }) => kind === "Task" && action !== "prune" && blocked === undefined,
  );
  const ordered = written.filter(
    ({ action, fields }) => action === "create" || fields.some(({ path }) => path.startsWith("/spec")),
  );
  return ordered.filter(({ after }) => after?.spec["mode"] !== "template").length;
}

export async function readAppliedPost(redis: Redis, env: string, facts: AppliedFacts): Promise<AppliedPost> {
  const { entry, appliedAt, tasks } = facts;
  const { plan, commit, serial, tookMs } = entry;
  const listed = tasks.slice(-APPLIED_LIMITS.tasks);
  const reports: TaskReport[] = [];
  for (const task of listed) reports.push(await reportTask(redis, env, task));
  return { plan, commit, serial, tookMs, appliedAt, tasks: reports, olderTasks: tasks.length - listed.length };
}
