// What the reconcile loop says, as one JSON line: facts only, the plan by its ids and counts.
import type { Plan } from "../../contracts/plan.ts";
import type { LoopEvent } from "../../reconciler/loop.ts";
import type { TickOutcome } from "../../reconciler/tick.ts";

export function loopEventValue(event: LoopEvent): Readonly<Record<string, unknown>> {
  switch (event.type) {
    case "planned":
      return { type: "planned", ...planFacts(event.plan) };
    case "ended":
      return { type: event.result.outcome, ...resultFacts(event.result) };
    case "drift": {
      const { env, state, counts, items, unknown } = event.report;
      const drifted = items.map(({ address, drift }) => ({ address, code: drift.code }));
      return { type: "drift", env, ...state, counts, items: drifted, unknown };
    }
    case "drift-unknown":
    case "failed":
    case "leading":
    case "standing-by":
    case "schedule-fired":
    case "schedule-missed":
    case "webhook-accepted":
    case "webhook-broken":
      return { ...event };
  }
}

function planFacts({ planId, digest, counts, source, state }: Plan): Readonly<Record<string, unknown>> {
  return { env: state.env, planId, planDigest: digest, counts, headSha: source.headSha };
}

function resultFacts(result: TickOutcome): Readonly<Record<string, unknown>> {
  if (result.outcome === "unavailable") return { reason: result.reason };
  const { plan, outcome: _outcome, ...facts } = result;
  return { ...planFacts(plan), ...facts };
}
