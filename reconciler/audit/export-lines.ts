// Writes what the audit holds of an environment as lines: the applies, the log, and the traces of tasks as they were when
// each was looked at. Reads a piece at a time, however much there is.
import { type ExportHead, type ExportLine, renderLine } from "../../contracts/audit/export-lines.ts";
import { isInScope } from "../../contracts/audit/log-facts.ts";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import { tellApplies } from "../../store/audit-applies.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { readStand, tellEndedTasks } from "../../store/audit-tasks.ts";
import type { Redis } from "../../store/connect.ts";
import { readHistory } from "../../store/history.ts";
import { STORE_LIMITS } from "../../store/limits.ts";
import { listTaskRefs, readTraceUpTo } from "../../store/tasks.ts";

export type ExportRequest = Pick<ExportHead, "env" | "exportedAt" | "tool" | "scope">;

export async function* auditExport(redis: Redis, request: ExportRequest): AsyncIterable<string> {
  let lines = 0;
  let tasks = 0;
  for await (const line of exportValues(redis, request)) {
    lines += 1;
    if (line.kind === "task") tasks += 1;
    yield renderLine(lines, line);
  }
  yield renderLine(lines + 1, { kind: "end", value: { lines: lines + 1, tasks } });
}

/** The history first, then the log: every apply that is in the export stands in its log. */
async function* exportValues(redis: Redis, request: ExportRequest): AsyncIterable<ExportLine> {
  const { env, scope } = request;
  const applies = (await readHistory(redis, env, 2 * STORE_LIMITS.keptApplies)).toReversed();
  await tellApplies(redis, env);
  await tellEndedTasks(redis, env);
  const firstApply = applies[0]?.serial ?? null;
  const firstEntry = await firstNumber(redis, env);
  yield { kind: "export", value: { formatVersion: "1", ...request, firstApply, firstEntry } };
  for (const { sealed: _sealed, ...apply } of applies) yield { kind: "apply", value: apply };
  let last = 0;
  for await (const value of readAuditLog(redis, env)) {
    last = value.number;
    yield { kind: "entry", value };
  }
  for (const ref of await listTaskRefs(redis, env)) yield* taskLines(redis, ref, scope);
  for await (const value of readAuditLog(redis, env, last)) yield { kind: "entry", value };
}

async function firstNumber(redis: Redis, env: string): Promise<number | null> {
  for await (const { number } of readAuditLog(redis, env)) return number;
  return null;
}

async function* taskLines(redis: Redis, ref: TaskRef, scope: ExportHead["scope"]): AsyncIterable<ExportLine> {
  const value = await readStand(redis, ref);
  if (value === undefined) return;
  const { task, phase, finishedAt, events, head } = value;
  // One that has not ended is in every export but that of another task.
  const at = hasEnded(phase) && finishedAt !== null ? finishedAt : "9999-12-31";
  if (!isInScope(scope, task, at)) return;
  yield { kind: "task", value: { task, phase, events, head } };
  for await (const event of readTraceUpTo(redis, ref, events)) yield { kind: "event", value: event };
}
