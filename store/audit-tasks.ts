// What the audit log tells of tasks: where the trace of each ended. Whoever ends a task leaves a note in one command with
// the end of its life; the sweep makes entries of the notes, many at once, so that a task pays no round trip for it.
import { taskId } from "../contracts/new-task.ts";
import { hasEnded, type TaskPhase, type TaskRef } from "../contracts/task.ts";
import { ask, askAll } from "./ask.ts";
import { type AuditDraft, appendAudit } from "./audit-log.ts";
import { readChainHead } from "./chain.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, parseTaskMember, taskKeys } from "./keys.ts";
import { listOf } from "./reply.ts";
import { readTaskPhase, readTime } from "./task-fields.ts";

/** Notes in one look. */
const CHUNK = 500;

/** Tells the ends that were noted. Safe on all runners at once: an end is told once. Answers how many notes it settled. */
export async function tellEndedTasks(redis: Redis, env: string): Promise<number> {
  const { auditPending } = environmentKeys(env);
  let cursor = "0";
  let told = 0;
  do {
    const [next, flat] = await ask(redis, () => redis.hscan(auditPending, cursor, "COUNT", CHUNK));
    const settled = Array.from(
      { length: flat.length / 2 },
      (_, index) => [flat[2 * index] ?? "", flat[2 * index + 1] ?? ""] as const,
    );
    const refs = settled.flatMap(([member]) => parseTaskMember(env, member) ?? []);
    // A task that is retried meanwhile is noted again at its next end; its trace tells of this one.
    const drafts = (await readEnds(redis, refs)).map(endDraft);
    if (settled.length > 0) await appendAudit(redis, env, drafts, { settled });
    told += settled.length;
    cursor = next;
  } while (cursor !== "0");
  return told;
}

/** Where its trace ended, and that it goes: before it does, so that no trace is ever gone without a word. */
export async function tellDroppedTask(redis: Redis, ref: TaskRef): Promise<void> {
  const [end] = await readEnds(redis, [ref]);
  if (end === undefined) return;
  const { task, phase, events, head } = end;
  const facts = { kind: "task.dropped" as const, task, phase, events, head };
  await appendAudit(redis, ref.env, [endDraft(end), { once: `dropped ${head}`, facts }]);
}

export interface TaskEnd {
  readonly task: string;
  readonly phase: TaskPhase;
  readonly finishedAt: string | null;
  /** How many events its trace has, and the hash of the last. */
  readonly events: number;
  readonly head: string;
}

function endDraft(end: TaskEnd): AuditDraft {
  return { once: `ended ${end.head}`, facts: { kind: "task.ended", ...end } };
}

/** Where the trace of a task stands now, ended or not; undefined: it is gone. */
export async function readStand(redis: Redis, ref: TaskRef): Promise<TaskEnd | undefined> {
  return (await readStands(redis, [ref]))[0];
}

async function readEnds(redis: Redis, refs: readonly TaskRef[]): Promise<TaskEnd[]> {
  return (await readStands(redis, refs)).filter(({ phase }) => hasEnded(phase));
}

async function readStands(redis: Redis, refs: readonly TaskRef[]): Promise<TaskEnd[]> {
  if (refs.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const ref of refs) pipeline.hmget(taskKeys(ref).task, "phase", "seq", "head", "finishedAtMs", "droppedAt");
  const answers = await askAll(redis, () => pipeline.exec());
  return refs.flatMap((ref, index) => {
    const what = `the task ${taskId(ref)}`;
    const [phase, seq, head, finished, droppedAt] = listOf(what, answers[index]);
    if (typeof phase !== "string" || droppedAt !== null) return [];
    const trace = readChainHead(what, seq, head);
    const finishedAt = readTime(what, typeof finished === "string" ? finished : undefined);
    return [{ task: taskId(ref), phase: readTaskPhase(what, phase), finishedAt, events: trace.seq, head: trace.head }];
  });
}
