// Whether the branch still stands where a rollback found it: what was rolled back must not come back by itself. Pure.
import type { RolledBack } from "../../contracts/holds.ts";
import type { History } from "../../contracts/plan.ts";

export interface RolledBackHold extends RolledBack {
  readonly why: "rolled-back";
  /** The branch's head now; null for a working tree. */
  readonly head: string | null;
}

export interface BranchNow {
  readonly headSha: string | null;
  /** The commit that was applied last: somebody may have applied the branch by hand since. */
  readonly applied: string | null;
  /** How the head follows the commit that the rollback stands against. */
  readonly history: History;
}

/** Only a commit on top of what was rolled back goes on by itself; a branch that was rewritten waits for a word. */
export function findRolledBackHold(rolledBack: RolledBack | null, now: BranchNow): RolledBackHold | undefined {
  if (rolledBack === null) return undefined;
  const { headSha, applied, history } = now;
  const { against } = rolledBack;
  if (against !== null && applied === against) return undefined;
  const hasMovedOn = against !== null && headSha !== null && headSha !== against && history === "fast-forward";
  return hasMovedOn ? undefined : { why: "rolled-back", ...rolledBack, head: headSha };
}

export function rolledBackText({ to, by, since, against, head }: RolledBackHold): string {
  const what = `${by} rolled back to #${to} at ${since}`;
  if (against === null) return `${what}; the working tree waits for \`countwheel resume\``;
  const stands =
    head === against
      ? `the branch still stands at ${against.slice(0, 7)}`
      : `the branch does not follow ${against.slice(0, 7)}`;
  return `${what}, and ${stands}; push a commit on top of it, or \`countwheel resume\``;
}
