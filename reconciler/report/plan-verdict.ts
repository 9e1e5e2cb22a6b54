// The verdict on a plan in one word, and what follows from it: the check's conclusion, its title, the Action's output. Pure.
import { countsLine, hasChanges, type Plan } from "../../contracts/plan.ts";
import { hasErrors } from "../../contracts/problem.ts";
import type { Conclusion } from "./github/checks.ts";

/** invalid: manifests must be mended · blocked, confirm: a guard, or prunes at once, wait for a person · changes: merge to apply · clean: nothing to do. */
export type PlanVerdict = "invalid" | "blocked" | "confirm" | "changes" | "clean";

export function verdictOf(plan: Plan): PlanVerdict {
  if (hasErrors(plan.problems)) return "invalid";
  if (plan.counts.blocked > 0) return "blocked";
  if (plan.confirm !== null) return "confirm";
  return hasChanges(plan) ? "changes" : "clean";
}

/**
 * Changes conclude with success: the merge is their confirmation. Only a guard that somebody must lift, and more prunes
 * than the environment lets pass, ask for action; were every prune to do so, a required check would hold back each pull request that removes a manifest, for ever.
 */
export function conclusionOf(verdict: PlanVerdict): Conclusion {
  switch (verdict) {
    case "invalid":
      return "failure";
    case "blocked":
    case "confirm":
      return "action_required";
    case "changes":
    case "clean":
      return "success";
  }
}

/** One line of at most 140 characters or so: it is also the description of a commit status. */
export function titleOf(plan: Plan): string {
  if (verdictOf(plan) === "confirm") return `${countsLine(plan.counts)} The prunes wait for a confirmation.`;
  if (verdictOf(plan) !== "invalid") return countsLine(plan.counts);
  const errors = plan.problems.filter(({ severity }) => severity === "error").length;
  return `${errors} ${errors === 1 ? "problem" : "problems"} in the manifests. ${countsLine(plan.counts)}`;
}
