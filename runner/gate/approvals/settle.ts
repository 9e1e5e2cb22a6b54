// What a person has to approve: finds what was asked and answered before, and asks where nothing holds.
import {
  type ApprovalRequest,
  type AskedModel,
  approvalId,
  approvalName,
  bindingDigest,
  type CalledTool,
  identityText,
  type ModelQuestion,
  type ToolQuestion,
} from "../../../contracts/approval.ts";
import type { StepRecord } from "../../../contracts/step.ts";
import type { TraceDraft } from "../../../contracts/trace.ts";
import type { Answered } from "../../../policies/approval.ts";
import type { AskVerdict } from "../../../policies/request.ts";
import type { ApprovalChange } from "../../../store/scripts/append.ts";
import type { JudgeOptions } from "../ask.ts";
import type { Journal } from "../grant.ts";
import { decisionDraft } from "../journal.ts";
import { findSpent, type Judgement, resumed } from "../judge.ts";
import type { ApprovalBook, AskedBefore } from "./book.ts";

/** A call or a turn, as the gate has read it. */
export interface Asking {
  readonly turn: number;
  readonly bound: CalledTool | AskedModel;
  /** The step that the approval is for, whichever of its tries is about to begin. */
  readonly boundStep: string;
  readonly journal: Journal;
  readonly decided: "turn.decided" | "tool.decided";
  /** Of the events about it. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The step that waits, as it is recorded. */
  readonly waits: StepRecord;
  /** What is shown to a person; made where one is asked. */
  readonly show: () => ToolQuestion | ModelQuestion;
  find(book: ApprovalBook, binding: string): Promise<AskedBefore | undefined>;
}

/** `approval`: to be written in one piece with what follows. */
export type Settled =
  | { readonly outcome: "waiting"; readonly approval: string }
  | { readonly outcome: "approved" | "refused"; readonly judgement: Judgement; readonly approval?: ApprovalChange };

/** Nobody has to be asked: what was judged stands, and there is no approval to use. */
export function unasked(judgement: Judgement): Settled {
  return { outcome: "approved", judgement };
}

export function mayAsk({ approvals }: JudgeOptions, { asked }: Judgement): boolean {
  return asked !== undefined && approvals !== undefined;
}

export async function settleApproval(options: JudgeOptions, asking: Asking, judgement: Judgement): Promise<Settled> {
  const { asked } = judgement;
  const book = options.approvals;
  if (asked === undefined || book === undefined) throw new TypeError("nothing is to be asked, or nobody");
  const binding = bindingOf(options, asking, judgement);
  const before = await asking.find(book, binding);
  if (before === undefined) {
    const spent = await findSpent(options, judgement);
    if (spent !== undefined) return { outcome: "refused", judgement: spent };
    return request(options, book, asking, { judgement, asked, binding });
  }
  const isSame = before.binding === binding;
  const answered = answerOf(before, isSame);
  // It is about to be asked, and the runner that asked was lost: it is asked already.
  if (answered === undefined && isSame) return { outcome: "waiting", approval: before.id };
  const after = resumed(options, asked, judgement, answered ?? openQuestion(before.id));
  if (after.decision.code === "APPROVAL_MISMATCH")
    return request(options, book, asking, { judgement, asked, binding, mismatch: { before, judgement: after } });
  if (after.permitted) return { outcome: "approved", judgement: after, approval: useOf(before) };
  const isNews = answered?.answer === "expired" && before.phase !== "Expired";
  if (isNews) await book.tellExpired(before.id);
  return { outcome: "refused", judgement: after, ...(isNews ? { approval: { kind: "expire", id: before.id } } : {}) };
}

function useOf({ id, phase }: AskedBefore): ApprovalChange {
  return { kind: phase === "Used" ? "use-again" : "use", id };
}

/** undefined: nobody has answered, and there is still time. */
function answerOf({ id, phase, isOver, word }: AskedBefore, isSame: boolean): Answered | undefined {
  const said = { id, isSame, by: word === null ? null : identityText(word.by), reason: word?.reason ?? null };
  if (phase === "Denied") return { ...said, answer: "denied" };
  if (phase === "Expired" || isOver) return { ...said, answer: "expired" };
  return phase === "Approved" || phase === "Used" ? { ...said, answer: "approved" } : undefined;
}

/** A question that nobody answered, and that is about another call than this one. */
function openQuestion(id: string): Answered {
  return { id, answer: "approved", isSame: false, by: null, reason: null };
}

function bindingOf(
  { task, activation, policies }: JudgeOptions,
  { bound, boundStep: step }: Asking,
  judgement: Judgement,
): string {
  const policyDigest = policies.digest;
  const livePolicyDigest = judgement.livePolicyDigest ?? null;
  return bindingDigest({ task, activation, step, ...bound, policyDigest, livePolicyDigest });
}

interface Question {
  readonly judgement: Judgement;
  readonly asked: AskVerdict;
  readonly binding: string;
  /** What was asked before about the call as it was. */
  readonly mismatch?: { readonly before: AskedBefore; readonly judgement: Judgement };
}

async function request(
  options: JudgeOptions,
  book: ApprovalBook,
  asking: Asking,
  question: Question,
): Promise<Settled> {
  const { judgement, mismatch } = question;
  const { journal, facts, decided: type, waits } = asking;
  const approval = approvalOf(options, asking, question);
  const decided = (made: Judgement): TraceDraft => decisionDraft(journal, type, made, facts);
  const told = { approval: approvalName(options.task.name, approval.id), ...facts, ...shownIn(approval) };
  const { binding, decisionId, terms } = approval;
  const drafts = [
    ...(mismatch === undefined ? [] : [decided(mismatch.judgement)]),
    decided(judgement),
    journal.draft("approval.requested", { ...told, binding, decisionId, ...terms }),
  ];
  const change: ApprovalChange = { kind: "request", request: approval, replaces: mismatch?.before.id ?? null };
  await book.note();
  await options.recorder.record(drafts, { step: waits, approval: change });
  return { outcome: "waiting", approval: approval.id };
}

/** What the facts do not say yet. */
function shownIn(approval: ApprovalRequest): Readonly<Record<string, unknown>> {
  switch (approval.about) {
    case "tool":
      return { arguments: approval.arguments, definitionDigest: approval.definitionDigest };
    case "model":
      return { reserveMicroUsd: approval.reserveMicroUsd, lastMessage: approval.lastMessage };
  }
}

function approvalOf(
  { activation, subject, clock }: JudgeOptions,
  { turn, waits, show }: Asking,
  { judgement: { decision }, asked, binding }: Question,
): ApprovalRequest {
  const { decisionId, reasons } = decision;
  return {
    id: approvalId(binding, decisionId),
    activation,
    agent: subject.agent,
    turn,
    step: waits.step,
    ...show(),
    binding,
    decisionId,
    reasons,
    terms: asked.approval,
    requestedAt: clock.now().toISOString(),
  };
}
