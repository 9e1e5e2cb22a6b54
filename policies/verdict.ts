// Makes one verdict of all findings: deny before ask before allow, every reason reported, in the documented order.
import { DEFAULT_TERMS, strictestTerms } from "./approval.ts";
import type { CompiledPolicy } from "./compiled.ts";
import type { Finding } from "./finding.ts";
import type { DenialCode, OnViolation, Reason, Verdict } from "./request.ts";

/** SEMANTICS, the gate, steps 2 to 8: a decision's code is the first of these that was found. */
const ORDER: readonly DenialCode[] = [
  "POLICY_UNAVAILABLE",
  "POLICY_ERROR",
  "TOOL_BLOCKED",
  "TOOL_ARG_FORBIDDEN",
  "MODEL_NOT_ALLOWED",
  "FLOW_VIOLATION",
  "EGRESS_DENIED",
  "BUDGET_TOKENS",
  "BUDGET_COST",
  "BUDGET_STEPS",
  "BUDGET_WALL",
  "RATE_LIMITED",
  "TOOL_NOT_LISTED",
  "TOOL_UNKNOWN",
  "ROLE_MISSING",
  "PERMISSION_MISSING",
  "SECRET_NOT_GRANTED",
  "OPERATION_DENIED",
  "APPROVAL_REQUIRED",
  "DEFAULT_DENY",
];

type Objection = Exclude<Finding, { effect: "allow" }>;

/** `policies` are those in scope: they say what a denial means for the agent where no policy of theirs denied. */
export function makeVerdict(findings: readonly Finding[], policies: readonly CompiledPolicy[]): Verdict {
  const objections = findings.filter((finding) => finding.effect !== "allow");
  const enforced = objections.filter((objection) => objection.policy?.audit !== true);
  const counting = enforced.length > 0 ? enforced : objections;
  const denials = inOrder(counting.filter((objection) => objection.effect === "deny"));
  const [first] = denials;
  if (first !== undefined) {
    const onViolation = readOnViolation(denials, policies);
    const reasons = reasonsOf(objections);
    return { effect: "deny", code: first.code, reasons, enforced: enforced.length > 0, onViolation };
  }
  if (counting.length > 0) {
    const reasons = reasonsOf(objections);
    const terms = counting.flatMap((asking) => (asking.effect === "ask" ? [asking.approval ?? DEFAULT_TERMS] : []));
    return {
      effect: "ask",
      code: "APPROVAL_REQUIRED",
      reasons,
      enforced: enforced.length > 0,
      onViolation: readOnViolation(counting, policies),
      approval: terms.reduce(strictestTerms),
    };
  }
  const reasons = findings.map((finding) => finding.reason);
  return { effect: "allow", code: "ALLOWED", reasons: reasons.toSorted(compareReasons), enforced: true };
}

function inOrder(objections: readonly Objection[]): Objection[] {
  return objections.toSorted((a, b) => rank(a.code) - rank(b.code) || compareReasons(a.reason, b.reason));
}

function rank(code: DenialCode): number {
  const index = ORDER.indexOf(code);
  return index === -1 ? ORDER.length : index;
}

function compareReasons(a: Reason, b: Reason): number {
  const [left, right] = [`${a.policy} ${a.rule} ${a.message}`, `${b.policy} ${b.rule} ${b.message}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function reasonsOf(objections: readonly Objection[]): Reason[] {
  return inOrder(objections).map(({ reason, code, policy }) => ({
    ...reason,
    code,
    ...(policy?.audit === true ? { enforced: false as const } : {}),
  }));
}

/**
 * Going on is allowed only if everybody who denied says so. A listed tool that nobody provides any more is no violation:
 * the model hears of it and may do without. Other denials that come from no AgentPolicy (a tool that is not
 * listed, a permission that is missing) follow the policies in scope that say anything about it.
 */
function readOnViolation(denials: readonly Objection[], policies: readonly CompiledPolicy[]): OnViolation {
  if (denials.some((denial) => denial.code === "POLICY_ERROR")) return "stop";
  if (denials.every((denial) => denial.code === "TOOL_UNKNOWN")) return "refuse";
  const named = denials.flatMap(({ policy }) => (policy === undefined ? [] : [policy]));
  const spoken = policies.filter((policy) => policy.onViolation !== null && !policy.audit);
  const judges = named.length < denials.length ? [...named, ...spoken] : named;
  const unjudged = named.length < denials.length && spoken.length === 0;
  return !unjudged && judges.every((policy) => policy.onViolation === "refuse") ? "refuse" : "stop";
}
