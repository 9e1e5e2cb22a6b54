// A call that a person has to approve: finds what was asked and answered before, and asks where nothing holds.
import {
  type ApprovalRequest,
  approvalId,
  approvalName,
  bindingDigest,
  identityText,
} from "../../../contracts/approval.ts";
import { type StepRecord, toolStepId } from "../../../contracts/step.ts";
import type { TraceDraft } from "../../../contracts/trace.ts";
import type { Answered } from "../../../policies/approval.ts";
import type { AskVerdict } from "../../../policies/request.ts";
import type { ApprovalChange } from "../../../store/scripts/append.ts";
import type { Tool } from "../../tools/tool.ts";
import type { GateOptions, ToolAsk } from "../ask.ts";
import { boundValue } from "../bound.ts";
import type { Journal } from "../grant.ts";
import { decisionDraft, idempotencyKey } from "../journal.ts";
import { findSpent, type Judgement, resumed } from "../judge.ts";
import type { AskedBefore } from "./book.ts";

/** The call, as the gate has read it. */
export interface AskedCall {
  readonly ask: ToolAsk;
  readonly name: string;
  readonly step: string;
  readonly argumentsDigest: string;
  readonly journal: Journal;
}

/** `approval`: to be written in one piece with what follows. */
export type Settled =
  | { readonly outcome: "waiting"; readonly approval: string }
  | { readonly outcome: "approved" | "refused"; readonly judgement: Judgement; readonly approval?: ApprovalChange };

export async function settleApproval(
  options: GateOptions,
  call: AskedCall,
  tool: Tool,
  judgement: Judgement,
): Promise<Settled> {
  const { asked } = judgement;
  if (asked === undefined) throw new TypeError("nothing is to be asked");
  const binding = bindingOf(options, call, tool, judgement);
  const before = await options.approvals?.find(call.step);
  if (before === undefined) {
    const spent = await findSpent(options, judgement);
    if (spent !== undefined) return { outcome: "refused", judgement: spent };
    return request(options, call, tool, { judgement, asked, binding });
  }
  const isSame = before.binding === binding;
  const answered = answerOf(before, isSame);
  // It is about to be asked, and the runner that asked was lost: it is asked already.
  if (answered === undefined && isSame) return { outcome: "waiting", approval: before.id };
  const after = resumed(options, asked, judgement, answered ?? openQuestion(before.id));
  if (after.decision.code === "APPROVAL_MISMATCH")
    return request(options, call, tool, { judgement, asked, binding, mismatch: { before, judgement: after } });
  if (after.permitted) return { outcome: "approved", judgement: after, approval: { kind: "use", id: before.id } };
  const isNews = answered?.answer === "expired" && before.phase !== "Expired";
  return { outcome: "refused", judgement: after, ...(isNews ? { approval: { kind: "expire", id: before.id } } : {}) };
}

/** undefined: nobody has answered, and there is still time. */
function answerOf({ id, phase, isOver, word }: AskedBefore, isSame: boolean): Answered | undefined {
  const said = { id, isSame, by: word === null ? null : identityText(word.by), reason: word?.reason ?? null };
  if (phase === "Denied") return { ...said, answer: "denied" };
  if (phase === "Expired" || isOver) return { ...said, answer: "expired" };
  return phase === "Approved" ? { ...said, answer: "approved" } : undefined;
}

/** A question that nobody answered, and that is about another call than this one. */
function openQuestion(id: string): Answered {
  return { id, answer: "approved", isSame: false, by: null, reason: null };
}

function bindingOf(
  { task, activation, policies }: GateOptions,
  { step, name, argumentsDigest }: AskedCall,
  { definitionDigest }: Tool,
  judgement: Judgement,
): string {
  const policyDigest = policies.digest;
  const livePolicyDigest = judgement.livePolicyDigest ?? null;
  const about = { task, activation, step, tool: name, argumentsDigest, definitionDigest };
  return bindingDigest({ ...about, policyDigest, livePolicyDigest });
}

interface Question {
  readonly judgement: Judgement;
  readonly asked: AskVerdict;
  readonly binding: string;
  /** What was asked before about the call as it was. */
  readonly mismatch?: { readonly before: AskedBefore; readonly judgement: Judgement };
}

async function request(options: GateOptions, call: AskedCall, tool: Tool, question: Question): Promise<Settled> {
  const { judgement, mismatch } = question;
  const { step, name, argumentsDigest, journal, ask } = call;
  const facts = { tool: name, callId: ask.call.id, argumentsDigest };
  const approval = approvalOf(options, call, tool, question);
  const decided = (made: Judgement): TraceDraft => decisionDraft(journal, "tool.decided", made, facts);
  const { decisionId, definitionDigest, binding, arguments: shown, terms } = approval;
  const told = { approval: approvalName(options.task.name, approval.id), ...facts, arguments: shown };
  const drafts = [
    ...(mismatch === undefined ? [] : [decided(mismatch.judgement)]),
    decided(judgement),
    journal.draft("approval.requested", { ...told, definitionDigest, binding, decisionId, ...terms }),
  ];
  const waits: StepRecord = {
    activation: options.activation,
    step,
    state: "decided",
    idempotencyKey: idempotencyKey(options, toolStepId(ask.turn, ask.index)),
    effect: tool.effect,
  };
  const change: ApprovalChange = { kind: "request", request: approval, replaces: mismatch?.before.id ?? null };
  await options.approvals?.note();
  await options.recorder.record(drafts, { step: waits, approval: change });
  return { outcome: "waiting", approval: approval.id };
}

function approvalOf(
  { activation, subject, redactor, clock }: GateOptions,
  { ask, step, name, argumentsDigest }: AskedCall,
  tool: Tool,
  { judgement: { decision }, asked, binding }: Question,
): ApprovalRequest {
  const { decisionId, reasons } = decision;
  return {
    id: approvalId(binding, decisionId),
    activation,
    agent: subject.agent,
    turn: ask.turn,
    step,
    tool: name,
    operationClasses: tool.operationClasses,
    arguments: boundValue(ask.call.arguments, redactor),
    argumentsDigest,
    definitionDigest: tool.definitionDigest,
    binding,
    decisionId,
    reasons,
    terms: asked.approval,
    requestedAt: clock.now().toISOString(),
  };
}
