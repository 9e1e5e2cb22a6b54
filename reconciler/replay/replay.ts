// Makes recorded decisions again under other policies, and tells which ones would come out otherwise. Pure: the same
// decisions and policies give the same bytes.
import type { PolicyReplay, ReplayFlip } from "../../contracts/plan.ts";
import { boundsOf } from "../../policies/bounds.ts";
import { decide, decideOpen, type OpenRequest } from "../../policies/decide.ts";
import type { PolicySet } from "../../policies/policy-set.ts";
import type { Verdict } from "../../policies/request.ts";
import type { RecordedDecision } from "./recorded-decision.ts";

export interface Recorded {
  /** Only decisions from then on. */
  readonly since: string;
  /** Newest first. */
  readonly decisions: readonly RecordedDecision[];
  /** False: there were more than somebody wanted to read. */
  readonly complete: boolean;
}

/** Flips that are told one by one; all of them are counted. */
const FLIPS_TOLD = 50;
const REASONS_TOLD = 3;

export function replayDecisions({ since, decisions, complete }: Recorded, set: PolicySet): PolicyReplay {
  const flips: ReplayFlip[] = [];
  let cannotTell = 0;
  for (const decision of decisions) {
    const verdict = decideAgain(decision, set);
    if (verdict === null) cannotTell += 1;
    else if (effectOf(verdict) !== decision.effect) flips.push(flipOf(decision, verdict));
  }
  return {
    since,
    decisions: decisions.length,
    complete,
    cannotTell,
    flips: flips.length,
    denied: flips.filter(({ now }) => now.effect === "deny").length,
    items: flips.slice(0, FLIPS_TOLD),
  };
}

/** null: nobody can tell, because what the answer depends on was not recorded, or was redacted. */
function decideAgain({ request, exact }: RecordedDecision, set: PolicySet): Verdict | null {
  if (request === null) return null;
  if (exact) return decide(request, set);
  return dependsOnArguments(request, set) ? null : decideOpen(request, set, "certain");
}

/** A denial that holds for every call holds for this one, too; otherwise a rule that judges the call may say anything. What came before it is known. */
function dependsOnArguments(request: OpenRequest, set: PolicySet): boolean {
  if (decideOpen(request, set, "possible").effect === "deny") return false;
  return boundsOf(request, set).some(({ effect, past }) => effect !== "budget" && past !== true);
}

function effectOf({ effect, enforced }: Verdict): Verdict["effect"] {
  return enforced ? effect : "allow";
}

function flipOf(decision: RecordedDecision, verdict: Verdict): ReplayFlip {
  const { decisionId, at, task, agent, what, name, effect, code } = decision;
  return {
    decisionId,
    at,
    task,
    agent,
    what,
    name,
    was: { effect, code: effect === "allow" ? "ALLOWED" : code },
    now: { effect: effectOf(verdict), code: verdict.enforced ? verdict.code : "ALLOWED" },
    reasons: verdict.reasons.slice(0, REASONS_TOLD).map(({ policy, rule, message }) => ({ policy, rule, message })),
  };
}
