// Erases what was said in a task that has ended: first the audit log says so, with who and why, then it goes. Whoever dies
// in between can do it again.
import { type Identity, identityText } from "../contracts/approval.ts";
import { digestErased, eraseEvent, isErased } from "../contracts/audit/erasure.ts";
import { taskId } from "../contracts/new-task.ts";
import { hasEnded, type TaskRecord, type TaskRef } from "../contracts/task.ts";
import { verifyChain } from "../contracts/trace.ts";
import { ask } from "./ask.ts";
import { appendAudit } from "./audit-log.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, taskKeys, taskMember } from "./keys.ts";
import { eraseTaskKeys } from "./scripts/erase-task.ts";
import { readGraphState } from "./task-fields.ts";
import { readTask, readTrace } from "./tasks.ts";

export interface ErasureWord {
  readonly by: Identity;
  readonly as?: string;
  readonly reason: string;
  readonly at: string;
}

export type EraseAnswer =
  /** `events`: of those that lost something. */
  | { readonly outcome: "erased"; readonly events: number }
  | { readonly outcome: "missing" }
  /** It has not ended, or its outcome is still to be told. */
  | { readonly outcome: "going" }
  | { readonly outcome: "erased-before"; readonly at: string }
  /** Its trace is not what was written: what is wrong with it must not disappear. */
  | { readonly outcome: "broken"; readonly seq: number };

export async function eraseTask(redis: Redis, ref: TaskRef, word: ErasureWord): Promise<EraseAnswer> {
  for (;;) {
    const task = await readTask(redis, ref);
    if (task === undefined) return { outcome: "missing" };
    if (task.erased !== undefined) return { outcome: "erased-before", at: task.erased.at };
    if (!hasEnded(task.phase) || (await isLive(redis, ref))) return { outcome: "going" };
    const answer = await eraseNow(redis, ref, task, word);
    if (answer.outcome !== "moved") return answer;
  }
}

/** Only after it was finished off its outcome is in the outbox. */
async function isLive(redis: Redis, ref: TaskRef): Promise<boolean> {
  const { live } = environmentKeys(ref.env);
  return (await ask(redis, () => redis.zscore(live, taskMember(ref)))) !== null;
}

async function eraseNow(
  redis: Redis,
  ref: TaskRef,
  { trace, activations, lastError }: TaskRecord,
  { by, as, reason, at }: ErasureWord,
): Promise<EraseAnswer | { readonly outcome: "moved" }> {
  const task = taskId(ref);
  const events = await readTrace(redis, ref);
  const verdict = verifyChain(task, events, trace);
  if (verdict.outcome === "broken") return { outcome: "broken", seq: verdict.seq };
  const left = events.map(eraseEvent);
  const [digest, erased] = [digestErased(left), left.filter(isErased).length];
  const who = { by: identityText(by), ...(as === undefined ? {} : { as }), message: reason };
  const facts = { kind: "payloads.erased" as const, task, events: trace.seq, head: trace.head, erased, left: digest };
  await appendAudit(redis, ref.env, [{ once: `erased ${trace.head}`, facts: { ...facts, ...who } }]);
  const answer = await eraseTaskKeys(redis, ref, {
    head: trace,
    events: left,
    digest,
    activations: activations.map(({ id }) => id),
    graph: await graphWithoutTexts(redis, ref),
    lastError: lastError === undefined ? "" : JSON.stringify({ code: lastError.code, message: "erased" }),
    at,
  });
  return answer === "erased" ? { outcome: "erased", events: erased } : { outcome: answer };
}

async function graphWithoutTexts(redis: Redis, ref: TaskRef): Promise<string> {
  const text = await ask(redis, () => redis.hget(taskKeys(ref).task, "graph"));
  return JSON.stringify({ ...readGraphState(`the task ${taskId(ref)}`, text), outputs: {}, joins: {} });
}
