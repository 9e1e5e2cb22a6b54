// Judges one request: against the task's own policies and, where they are at hand, against those of now.
import type { Decision } from "../../contracts/decision.ts";
import { type Answered, judgeAnswer } from "../../policies/approval.ts";
import { combineVerdicts } from "../../policies/combine.ts";
import { decide, pathsToResolve } from "../../policies/decide.ts";
import type { PolicySet } from "../../policies/policy-set.ts";
import type { AskVerdict, GateRequest, Usage, Verdict } from "../../policies/request.ts";
import { tokenCeiling } from "../../policies/rules/budgets.ts";
import type { GateOptions } from "./ask.ts";

export interface Judgement {
  readonly decision: Decision;
  /** With all that was found out for it. */
  readonly request: GateRequest;
  readonly permitted: boolean;
  /** Set where a person has to answer first: the policies' question. */
  readonly asked?: AskVerdict;
  /** What the policies say of a denial; the gate stops the task unless this is false. */
  readonly refuseOnly: boolean;
  /** Tokens that the task may spend at most, reservations included. */
  readonly ceiling: number | null;
  /** Set where the policies of now are other than the task's. */
  readonly livePolicyDigest: string | undefined;
}

export async function judge(options: GateOptions, request: GateRequest): Promise<Judgement> {
  const live = await readLive(options);
  const known = await withFacts(options, request, live);
  const begun = options.clock.monotonicMs();
  const verdict = judgeBoth(options, known, live);
  const micros = Math.max(0, Math.round((options.clock.monotonicMs() - begun) * 1_000));
  return {
    decision: makeDecision(options, request, verdict, micros),
    request: known,
    permitted: verdict.effect === "allow" || !verdict.enforced,
    ...(verdict.effect === "ask" && verdict.enforced ? { asked: verdict } : {}),
    refuseOnly: verdict.effect !== "allow" && verdict.onViolation === "refuse",
    ceiling: lowest(options, live),
    livePolicyDigest: typeof live === "object" && live.digest !== options.policies.digest ? live.digest : undefined,
  };
}

/** The same request with another answer: the store found the budget spent where the ledger at hand still had some. */
export function overBudget(options: GateOptions, request: GateRequest, judgement: Judgement): Judgement {
  const reason = {
    policy: "",
    rule: "spec.max_tokens_per_run",
    message: `the ${judgement.ceiling ?? 0} tokens of this task are spent or reserved by calls that run beside this one`,
    code: "BUDGET_TOKENS" as const,
  };
  const verdict = {
    effect: "deny",
    code: "BUDGET_TOKENS",
    reasons: [reason],
    enforced: true,
    onViolation: "stop",
  } as const;
  return { ...judgement, decision: makeDecision(options, request, verdict, 0), permitted: false, refuseOnly: false };
}

/** What the answer to its question makes of a request that was judged as one to ask about. */
export function resumed(options: GateOptions, asked: AskVerdict, judgement: Judgement, answered: Answered): Judgement {
  const verdict = judgeAnswer(asked, answered);
  const { asked: _, ...rest } = judgement;
  return {
    ...rest,
    decision: makeDecision(options, { point: "approval_resume" }, verdict, 0),
    permitted: verdict.effect === "allow",
    refuseOnly: verdict.effect === "deny" && verdict.onViolation === "refuse",
  };
}

export function usageOf(options: GateOptions): Usage {
  const { inputTokens, outputTokens, reservedTokens } = options.recorder.ledger();
  return { tokens: inputTokens + outputTokens + reservedTokens };
}

type Live = PolicySet | "none" | "unavailable";

async function readLive({ livePolicies }: GateOptions): Promise<Live> {
  if (livePolicies === undefined) return "none";
  try {
    return await livePolicies();
  } catch {
    // Whatever the reason: policies that cannot be read deny, and the decision says so.
    return "unavailable";
  }
}

/** What a decision needs to know besides what was asked: the gate looks, the policies judge. */
async function withFacts(options: GateOptions, request: GateRequest, live: Live): Promise<GateRequest> {
  if (request.point !== "before_tool") return request;
  const { input, policies, realPath } = options;
  const asked = { ...request, input };
  const sets = typeof live === "object" ? [policies, live] : [policies];
  const paths = [...new Set(sets.flatMap((set) => pathsToResolve(asked, set)))];
  const found = await Promise.all(paths.map(async (path) => [path, await realPath(path)] as const));
  return { ...asked, realPaths: Object.fromEntries(found) };
}

function judgeBoth(options: GateOptions, request: GateRequest, live: Live): Verdict {
  const pinned = decide(request, options.policies);
  if (live === "none") return pinned;
  return combineVerdicts(pinned, live === "unavailable" ? unavailable() : decide(request, live));
}

function unavailable(): Verdict {
  const message = "the environment's policies could not be read";
  const reasons = [{ policy: "", rule: "", message, code: "POLICY_UNAVAILABLE" as const }];
  return { effect: "deny", code: "POLICY_UNAVAILABLE", reasons, enforced: true, onViolation: "stop" };
}

function lowest({ subject, policies }: GateOptions, live: Live): number | null {
  const sets = typeof live === "object" ? [policies, live] : [policies];
  const ceilings = sets.map((set) => tokenCeiling(subject, set)).filter((ceiling) => ceiling !== null);
  return ceilings.length === 0 ? null : Math.min(...ceilings);
}

function makeDecision(
  options: GateOptions,
  request: Pick<Decision, "point">,
  verdict: Verdict,
  micros: number,
): Decision {
  return {
    decisionId: options.newId(),
    at: options.clock.now().toISOString(),
    point: request.point,
    effect: verdict.effect,
    code: verdict.code,
    reasons: verdict.reasons,
    enforced: verdict.enforced,
    policyDigest: options.policies.digest,
    micros,
  };
}
