// Tells whoever pushed what became of the tasks that their commit started: a line for each, for a bounded time.
import { setTimeout as pause } from "node:timers/promises";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import { readTaskReport } from "../../reconciler/report/read-task-report.ts";
import { phaseText, taskName } from "../../reconciler/report/render-trace.ts";
import type { Redis } from "../../store/connect.ts";
import { readPhases, readTask } from "../../store/tasks.ts";
import { envWords } from "../env-words.ts";
import type { Host } from "../host.ts";
import { say } from "../output.ts";
import { waitingText, withWaiting } from "../task-waiting.ts";

export interface Followed {
  readonly env: string;
  readonly tasks: readonly TaskRef[];
  /** 0: they are named, and not waited for. */
  readonly followMs: number;
}

const LOOK_MS = 250;
/** A commit may start hundreds; the others are counted. */
const MOST = 20;

export async function followTasks(host: Host, redis: Redis, { env, tasks, followMs }: Followed): Promise<void> {
  const open = new Map(tasks.slice(0, MOST).map((task) => [taskName(task), task]));
  const deadline = performance.now() + followMs;
  for (;;) {
    const ended = await endedOf(redis, [...open.values()]);
    for (const task of ended) await tellEnd(host, redis, task);
    for (const task of ended) open.delete(taskName(task));
    if (open.size === 0 || host.signal.aborted || performance.now() >= deadline) break;
    // Who stopped waiting is told what is still open, and nothing of the rest.
    await pause(LOOK_MS, undefined, { signal: host.signal }).catch(() => undefined);
  }
  for (const task of open.values()) await tellOpen(host, redis, task);
  if (tasks.length > MOST) say(host, `and ${tasks.length - MOST} more tasks: countwheel get tasks${envWords(env)}`);
}

/** A task that is gone already has ended as well. */
async function endedOf(redis: Redis, tasks: readonly TaskRef[]): Promise<TaskRef[]> {
  const phases = await readPhases(redis, tasks);
  return tasks.filter((_task, index) => {
    const phase = phases[index];
    return phase === undefined || hasEnded(phase);
  });
}

async function tellEnd(host: Host, redis: Redis, ref: TaskRef): Promise<void> {
  const report = await readTaskReport(redis, ref);
  if (report === undefined) return say(host, `Task ${taskName(ref)} has ended, and is gone.`);
  const { task, summary } = report;
  const why = task.lastError === undefined ? "" : ` · ${oneLine(shorten(task.lastError.message, 120))}`;
  const denied = summary.denied === 0 ? "" : `, ${summary.denied} denied`;
  const [agents, turns] = [amount(summary.agents.length, "agent"), amount(summary.turns, "turn")];
  const did = `${agents} · ${turns} · ${amount(summary.calls, "call")}${denied}`;
  say(host, `Task ${taskName(ref)} ${phaseText(task, summary)} · ${did}${why}`);
  say(host, `  see: countwheel trace ${taskName(ref)}${envWords(ref.env)}`);
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

async function tellOpen(host: Host, redis: Redis, ref: TaskRef): Promise<void> {
  const task = await readTask(redis, ref);
  const [shown] = task === undefined ? [] : await withWaiting(redis, ref.env, [task]);
  const waits = shown?.waiting === undefined ? "" : `, waits for ${oneLine(waitingText(shown.waiting))}`;
  const phase = task?.phase.toLowerCase() ?? "not there yet";
  say(host, `Task ${taskName(ref)} is ${phase}${waits}`);
  say(host, `  follow: countwheel trace ${taskName(ref)} -f${envWords(ref.env)}`);
}
