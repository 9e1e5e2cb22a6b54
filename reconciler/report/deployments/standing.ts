// What a look at the branch came to, for GitHub's deployments: a commit that is not applied, and why. Pure.
import { replacedText } from "../../apply/lineage-memory.ts";
import { confirmHoldText } from "../../holds/confirm.ts";
import { historyHoldText } from "../../holds/history.ts";
import { isPeoplesHold, peoplesHoldText } from "../../holds/people.ts";
import type { Hold, TickOutcome } from "../../tick.ts";

export interface Standing {
  readonly commit: string;
  /** queued: a person, or the clock, lets it go on · failure: only another commit does. */
  readonly state: "queued" | "failure";
  readonly why: string;
}

/** null: nothing of the branch waits · undefined: this look says nothing about it. */
export function standingOf(result: TickOutcome): Standing | null | undefined {
  switch (result.outcome) {
    case "unavailable":
    case "locked":
    case "overtaken":
    case "would-apply":
      return undefined;
    case "applied":
    case "unchanged":
      return null;
    case "held":
      return at(result.plan.source.headSha, "queued", `Waits: ${holdText(result.hold)}`);
    case "invalid": {
      const errors = result.problems.filter(({ severity }) => severity === "error").length;
      return at(
        result.plan.source.headSha,
        "failure",
        `${errors} ${errors === 1 ? "problem" : "problems"} in the manifests`,
      );
    }
  }
}

function at(commit: string | null, state: Standing["state"], why: string): Standing | null {
  return commit === null ? null : { commit, state, why };
}

function holdText(hold: Hold): string {
  if (isPeoplesHold(hold)) return peoplesHoldText(hold);
  switch (hold.why) {
    case "lineage":
      return replacedText(hold);
    case "confirm":
      return confirmHoldText(hold);
    case "blocked":
    case "signature":
    case "unshown":
    case "gate":
      return hold.message;
    case "history":
      return historyHoldText(hold);
  }
}
