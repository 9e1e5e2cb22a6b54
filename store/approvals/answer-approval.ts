// Answers an approval: checks who may, and writes down who did. What nobody answered in time expires here, too.
import {
  type ApprovalRecord,
  type ApprovalWord,
  askedFacts,
  identityText,
  whyNotAnswer,
} from "../../contracts/approval.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import { appendAudit } from "../audit-log.ts";
import type { Redis } from "../connect.ts";
import type { ActivationQueue } from "../queue.ts";
import { type Ruled, ruleApproval } from "../scripts/decide-approval.ts";
import { readTask } from "../tasks.ts";
import { noteAsking, readApprovals } from "./read-approvals.ts";

export interface Answer {
  readonly approval: ApprovalRecord;
  readonly answer: "approved" | "denied";
  readonly word: ApprovalWord;
}

export type AnswerOutcome =
  | Exclude<Ruled, { outcome: "early" }>
  /** The policy wants somebody else. */
  | { readonly outcome: "not-allowed"; readonly why: string };

/** What is asked, and who asked for the task, never changes: who may answer can be checked before. */
export async function answerApproval(
  redis: Redis,
  queue: ActivationQueue,
  { approval, answer, word }: Answer,
): Promise<AnswerOutcome> {
  const ref = refOf(queue.env, approval);
  const task = await readTask(redis, ref);
  if (task === undefined) return { outcome: "missing" };
  const why = whyNotAnswer(approval.terms, word.by, answer, task.requestedBy ?? null);
  if (why !== undefined) return { outcome: "not-allowed", why };
  const to = answer === "approved" ? "Approved" : "Denied";
  const drafts = [draftOf(approval, answer, word.at, word)];
  const ruled = await ruleApproval(redis, queue, { task: ref, id: approval.id, to, word, drafts });
  if (ruled.outcome === "early") throw new TypeError("an answer is never early");
  if (ruled.outcome === "expired") await expireApproval(redis, queue, approval);
  if (ruled.outcome === "ruled") await tellAudit(redis, ref, approval, { answer, ...saidBy(word) });
  return ruled;
}

/** The answer stands without it, in the task's trace: this is so that the log tells who decided, without any trace. */
async function tellAudit(
  redis: Redis,
  ref: TaskRef,
  approval: ApprovalRecord,
  said: Readonly<Record<string, string>>,
): Promise<void> {
  const { id, name, decisionId } = approval;
  const about = { task: taskId(ref), approval: name, ...askedFacts(approval), decisionId };
  const facts = { kind: "approval.decided" as const, ...about, ...said };
  const once = `approval ${taskId(ref)} ${id}${said["answer"] === "expired" ? " expired" : ""}`;
  await appendAudit(redis, ref.env, [{ once, facts }]);
}

/**
 * Nobody answered it in time, or nobody used the answer. Told before it is written down, for its time stays over: whoever
 * dies in between tells it again, and it is there once.
 */
export async function tellExpired(redis: Redis, env: string, approval: ApprovalRecord): Promise<void> {
  await tellAudit(redis, refOf(env, approval), approval, { answer: "expired" });
}

function saidBy({ by, as, reason }: ApprovalWord): Readonly<Record<string, string>> {
  return {
    by: identityText(by),
    ...(as === undefined ? {} : { as }),
    ...(reason === undefined ? {} : { message: reason }),
  };
}

/** Of a task that waits: what nobody answered in time. Safe on all runners at once. */
export async function expireApprovals(redis: Redis, queue: ActivationQueue, task: TaskRef): Promise<void> {
  await noteAsking(redis, task);
  for (const approval of await readApprovals(redis, task)) {
    if (approval.phase === "Pending" && approval.isOver) await expireApproval(redis, queue, approval);
  }
}

async function expireApproval(redis: Redis, queue: ActivationQueue, approval: ApprovalRecord): Promise<void> {
  await tellExpired(redis, queue.env, approval);
  const drafts = [draftOf(approval, "expired", new Date().toISOString())];
  await ruleApproval(redis, queue, { task: refOf(queue.env, approval), id: approval.id, to: "Expired", drafts });
}

function refOf(env: string, { namespace, task }: ApprovalRecord): TaskRef {
  return { env, namespace, name: task };
}

function draftOf(
  approval: ApprovalRecord,
  answer: "approved" | "denied" | "expired",
  at: string,
  word?: ApprovalWord,
): TraceDraft {
  const { activation, agent, turn, step, name } = approval;
  const said = word === undefined ? {} : saidBy(word);
  const data = { about: "approval", approval: name, ...askedFacts(approval), answer, ...said };
  return { type: "approval.decided", at, activation, agent, turn, step, data };
}
