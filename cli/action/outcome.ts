// What a run of the Action came to: its outputs and its exit code. The same words as the plan's verdict, and a few more.
import type { Plan } from "../../contracts/plan.ts";
import { hasChanges } from "../../contracts/plan.ts";
import { type PlanVerdict, verdictOf } from "../../reconciler/report/plan-verdict.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";

export type Verdict = PlanVerdict | "applied" | "held" | "stale" | "drift" | "skipped" | "failed";

export type Outputs = Readonly<Record<string, string | number | boolean>>;

export function planOutputs(plan: Plan, verdict: Verdict = verdictOf(plan)): Outputs {
  return { verdict, changed: hasChanges(plan), ...plan.counts, "plan-digest": plan.digest };
}

/** A plan fails the job only where its manifests are invalid: a guard is shown by the check, not by a red job. */
export function planExit(plan: Plan): ExitCode {
  return verdictOf(plan) === "invalid" ? EXIT.invalid : EXIT.ok;
}
