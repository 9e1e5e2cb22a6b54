// What approvals mean: how the terms of several rules come together, and what an answered question makes of a call.
import type { ApprovalTerms, AskVerdict, DenialCode, Reason, Verdict } from "./request.ts";

/** Where a rule says nothing else. */
export const DEFAULT_TERMS: ApprovalTerms = { ttlMs: 600_000, notRequester: false, approvers: null };

/** Whoever answers must be allowed to by both; where nobody is, the question can only expire. */
export function strictestTerms(a: ApprovalTerms, b: ApprovalTerms): ApprovalTerms {
  return {
    ttlMs: Math.min(a.ttlMs, b.ttlMs),
    notRequester: a.notRequester || b.notRequester,
    approvers: bothOf(a.approvers, b.approvers),
  };
}

function bothOf(a: readonly string[] | null, b: readonly string[] | null): readonly string[] | null {
  if (a === null || b === null) return a ?? b;
  const keys = new Set(b.map(approverKey));
  return a.filter((approver) => keys.has(approverKey(approver)));
}

/** Logins of GitHub and names of tokens have no case; users of a machine do. */
function approverKey(approver: string): string {
  return approver.startsWith("local:") ? approver : approver.toLowerCase();
}

export function strictestAsk(a: AskVerdict, b: AskVerdict): Pick<AskVerdict, "onViolation" | "approval"> {
  const stops = a.onViolation === "stop" || b.onViolation === "stop";
  return { onViolation: stops ? "stop" : "refuse", approval: strictestTerms(a.approval, b.approval) };
}

/** An answered question, as the gate finds it when the call comes up again (`approval_resume`). */
export interface Answered {
  readonly id: string;
  readonly answer: "approved" | "denied" | "expired";
  /** False: the call, its tool or the policies are not those that the question was about. */
  readonly isSame: boolean;
  /** Who answered; null: nobody did. */
  readonly by: string | null;
  readonly reason: string | null;
}

/** Total. An approval allows exactly what was asked; it never outweighs a denial, for then there is no question. */
export function judgeAnswer(asked: AskVerdict, answered: Answered): Verdict {
  const { id, answer, isSame, by, reason } = answered;
  const said = `by ${by ?? "nobody"}${reason === null ? "" : `: ${reason}`}`;
  if (answer === "denied") return refused(asked, "APPROVAL_DENIED", id, `denied ${said}`);
  if (answer === "expired")
    return refused(asked, "APPROVAL_EXPIRED", id, "nobody approved it, or it was not used, in time");
  if (!isSame) {
    const message = "the call, its tool or the policies have changed since it was asked about";
    return refused(asked, "APPROVAL_MISMATCH", id, message);
  }
  const approved: Reason = { policy: "", rule: `approval ${id}`, message: `approved ${said}` };
  const reasons = asked.reasons.map(({ policy, rule, message }) => ({ policy, rule, message }));
  return { effect: "allow", code: "ALLOWED", reasons: [approved, ...reasons], enforced: true };
}

/** The rules that asked stand behind it, so that a person finds the line that asks. */
function refused(asked: AskVerdict, code: DenialCode, id: string, message: string): Verdict {
  const [first] = asked.reasons.filter((reason) => reason.enforced !== false);
  const why: Reason = {
    policy: first?.policy ?? "",
    rule: first?.rule ?? "",
    message: `approval ${id}: ${message}`,
    code,
  };
  const { onViolation, reasons } = asked;
  return { effect: "deny", code, reasons: [why, ...reasons], enforced: true, onViolation };
}
