// Judges one request: against the task's own policies and, where they are at hand, against those of now.
import type { Decision } from "../../contracts/decision.ts";
import { type Answered, judgeAnswer } from "../../policies/approval.ts";
import { combineVerdicts } from "../../policies/combine.ts";
import { decide, needsHistory, pathsToResolve } from "../../policies/decide.ts";
import type { PolicySet } from "../../policies/policy-set.ts";
import type { AskVerdict, GateRequest, Usage, Verdict } from "../../policies/request.ts";
import { type Ceilings, taskCeilings } from "../../policies/rules/budgets.ts";
import type { JudgeOptions } from "./ask.ts";
import { withLabels } from "./carried.ts";
import { lookAtShared, type SharedSpent, withShared } from "./shared-budgets.ts";

export interface Judgement {
  readonly decision: Decision;
  /** With all that was found out for it. */
  readonly request: GateRequest;
  readonly permitted: boolean;
  /** Set where a person has to answer first: the policies' question. */
  readonly asked?: AskVerdict;
  /** What the policies say of a denial; the gate stops the task unless this is false. */
  readonly refuseOnly: boolean;
  /** What the task may spend at most, reservations included. */
  readonly ceilings: Ceilings;
  /** The policies of now, as they were read for it. */
  readonly live: Live;
  /** Set where the policies of now are other than the task's. */
  readonly livePolicyDigest: string | undefined;
}

/**
 * `endpoint`: `namespace/name` of the ModelEndpoint that is asked for. Throws where it is suspended (`checkStops`). What the
 * request would take of ledgers that tasks share is not looked at yet: see share.ts.
 */
export async function judge(options: JudgeOptions, request: GateRequest, endpoint?: string): Promise<Judgement> {
  const live = await readLive(options);
  // Where policies cannot be read, what is suspended cannot either: it is denied below.
  if (live !== "unavailable") await options.checkStops?.(request, endpoint);
  const known = await withFacts(options, request, live);
  const begun = options.clock.monotonicMs();
  const verdict = judgeBoth(options, known, live);
  const micros = Math.max(0, Math.round((options.clock.monotonicMs() - begun) * 1_000));
  return judgementOf(options, known, verdict, { micros, live });
}

interface Circumstances {
  readonly micros: number;
  readonly live: Live;
}

function judgementOf(
  options: JudgeOptions,
  request: GateRequest,
  verdict: Verdict,
  { micros, live }: Circumstances,
): Judgement {
  const tool = request.point === "before_tool" ? request.tool.name : null;
  return {
    decision: makeDecision(options, request, verdict, micros),
    request,
    permitted: verdict.effect === "allow" || !verdict.enforced,
    ...(verdict.effect === "ask" && verdict.enforced ? { asked: verdict } : {}),
    refuseOnly: verdict.effect !== "allow" && verdict.onViolation === "refuse",
    ceilings: taskCeilings(options.subject, setsOf(options, live), tool),
    live,
    livePolicyDigest: typeof live === "object" ? live.digest : undefined,
  };
}

/**
 * Before a person is asked: what the call is denied for although they said yes, by what others have spent. What is only
 * held may come back until the answer, and nothing is held for the question itself: days may pass.
 */
export async function findSpent(options: JudgeOptions, asked: Judgement): Promise<Judgement | undefined> {
  const request = await lookAtShared(options.budgets, asked.request, setsOf(options, asked.live));
  if (request === undefined) return undefined;
  const again = judgeAnew(options, { ...asked, permitted: true }, request);
  return again.permitted ? undefined : again;
}

/** By what the store says of the ledgers that it shares. */
export function judgeShared(options: JudgeOptions, first: Judgement, spent: SharedSpent): Judgement {
  return judgeAnew(options, first, withShared(first.request, spent));
}

function judgeAnew(options: JudgeOptions, first: Judgement, request: GateRequest): Judgement {
  const { decision, live } = first;
  const again = judgementOf(options, request, judgeBoth(options, request, live), { micros: decision.micros, live });
  // A person has answered what the policies ask: that decision stands.
  if (again.asked !== undefined) return { ...first, request };
  return { ...again, decision: { ...again.decision, decisionId: decision.decisionId } };
}

/** The same request with another answer: the store found a budget spent where the ledger at hand still had some. */
export function overBudget(options: JudgeOptions, request: GateRequest, judgement: Judgement): Judgement {
  const code = request.point === "before_model" ? "BUDGET_TOKENS" : "BUDGET_STEPS";
  const message = "the budget is spent or reserved by calls that run beside this one";
  const verdict = {
    effect: "deny",
    code,
    reasons: [{ policy: "", rule: "", message, code }],
    enforced: true,
    onViolation: "stop",
  } as const;
  return {
    ...judgement,
    decision: makeDecision(options, request, verdict, 0),
    permitted: false,
    refuseOnly: false,
  };
}

/** Millionths of a US dollar; null: unknown. */
export function microUsdOf(costUsd: number | null): number | null {
  return costUsd === null ? null : Math.ceil(costUsd * 1_000_000 - 0.001);
}

/** What the answer to its question makes of a request that was judged as one to ask about. */
export function resumed(options: JudgeOptions, asked: AskVerdict, judgement: Judgement, answered: Answered): Judgement {
  const verdict = judgeAnswer(asked, answered);
  const { asked: _, ...rest } = judgement;
  return {
    ...rest,
    decision: makeDecision(options, { point: "approval_resume" }, verdict, 0),
    permitted: verdict.effect === "allow",
    refuseOnly: verdict.effect === "deny" && verdict.onViolation === "refuse",
  };
}

export function usageOf(options: JudgeOptions): Usage {
  const { inputTokens, outputTokens, reservedTokens, costUsd, reservedMicroUsd, steps, calls } =
    options.recorder.ledger();
  const spent = microUsdOf(costUsd);
  return {
    tokens: inputTokens + outputTokens + reservedTokens,
    microUsd: spent === null ? null : spent + reservedMicroUsd,
    steps,
    calls,
    ...options.workedMs?.(),
  };
}

/** "same": the task's own, and nothing beside them. */
type Live = PolicySet | "same" | "unavailable";

async function readLive({ livePolicies, policies }: JudgeOptions): Promise<Live> {
  if (livePolicies === undefined) return "same";
  try {
    const live = await livePolicies();
    return live.digest === policies.digest ? "same" : live;
  } catch {
    // Whatever the reason: policies that cannot be read deny, and the decision says so.
    return "unavailable";
  }
}

/** What a decision needs to know besides what was asked: the gate looks, the policies judge. */
async function withFacts(options: JudgeOptions, request: GateRequest, live: Live): Promise<GateRequest> {
  if (request.point !== "before_tool") return request;
  const { input, realPath, carried, history } = options;
  const wanted = history !== undefined && setsOf(options, live).some((set) => needsHistory(request, set));
  const asked = {
    ...request,
    input,
    ...withLabels(carried.list()),
    ...(wanted ? { history: await history() } : {}),
  };
  const paths = [...new Set(setsOf(options, live).flatMap((set) => pathsToResolve(asked, set)))];
  const found = await Promise.all(paths.map(async (path) => [path, await realPath(path)] as const));
  return { ...asked, realPaths: Object.fromEntries(found) };
}

function judgeBoth(options: JudgeOptions, request: GateRequest, live: Live): Verdict {
  const pinned = decide(request, options.policies);
  if (live === "same") return pinned;
  return combineVerdicts(pinned, live === "unavailable" ? unavailable() : decide(request, live));
}

/** The policies that a request would be judged by; `isWhole` is false where those of now cannot be read. */
export async function readSets(
  options: JudgeOptions,
): Promise<{ readonly sets: readonly PolicySet[]; readonly isWhole: boolean }> {
  const live = await readLive(options);
  return { sets: setsOf(options, live), isWhole: live !== "unavailable" };
}

function unavailable(): Verdict {
  const message = "the environment's policies could not be read";
  const reasons = [{ policy: "", rule: "", message, code: "POLICY_UNAVAILABLE" as const }];
  return { effect: "deny", code: "POLICY_UNAVAILABLE", reasons, enforced: true, onViolation: "stop" };
}

export function setsOf({ policies }: JudgeOptions, live: Live): PolicySet[] {
  return typeof live === "object" ? [policies, live] : [policies];
}

function makeDecision(
  options: JudgeOptions,
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
