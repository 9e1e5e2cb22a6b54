// What people asked the reconciler to wait for: a suspension, a rollback, a freeze window. Ends without a commit or apply.
import type { FreezeWindow } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { Holds } from "../../store/holds.ts";
import { type FrozenHold, findFrozenHold, frozenText } from "./frozen.ts";
import { type BranchNow, findRolledBackHold, type RolledBackHold, rolledBackText } from "./rolled-back.ts";
import { findSuspendedHold, type SuspendedHold, suspensionText } from "./suspended.ts";

export type PeoplesHold = SuspendedHold | RolledBackHold | FrozenHold;

export interface PeoplesRule {
  readonly holds: Pick<Holds, "environment" | "rolledBack">;
  readonly freeze: readonly FreezeWindow[];
  readonly now: Date;
  /** Asked only after a rollback. */
  readonly branch: () => Promise<BranchNow>;
}

/** A suspension is told even where nothing would change: whoever looks must see it. */
export async function findPeoplesHold(
  { changes }: Pick<Plan, "changes">,
  { holds, freeze, now, branch }: PeoplesRule,
): Promise<PeoplesHold | undefined> {
  const suspended = findSuspendedHold(holds.environment);
  if (suspended !== undefined || changes.length === 0) return suspended;
  const back = holds.rolledBack === null ? undefined : findRolledBackHold(holds.rolledBack, await branch());
  return back ?? findFrozenHold(freeze, now);
}

export function isPeoplesHold(hold: { readonly why: string }): hold is PeoplesHold {
  return hold.why === "suspended" || hold.why === "rolled-back" || hold.why === "frozen";
}

export function peoplesHoldText(hold: PeoplesHold): string {
  switch (hold.why) {
    case "suspended":
      return `the environment is ${suspensionText(hold)}. \`countwheel resume\` lets it go on.`;
    case "rolled-back":
      return `${rolledBackText(hold)}.`;
    case "frozen":
      return `the environment is ${frozenText(hold)}. A person may apply with --override-freeze "<why>".`;
  }
}
