// What stands in the way of an apply before anybody is asked, and how it is lifted. Pure.
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { AcceptedHistory } from "../../contracts/holds.ts";
import { type History, hasChanges, type Plan } from "../../contracts/plan.ts";
import { hasErrors } from "../../contracts/problem.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { confirmHoldText } from "../../reconciler/holds/confirm.ts";
import { findFrozenHold, frozenText } from "../../reconciler/holds/frozen.ts";
import { findHistoryHold, type HistoryHold, historyHoldText } from "../../reconciler/holds/history.ts";
import { findConfirm } from "../../reconciler/plan/confirm.ts";
import type { PlannableSource } from "../../reconciler/plan/make-plan.ts";
import { isManifestName } from "../../reconciler/source/files/manifest-paths.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Failure } from "../output.ts";

/** What whoever applies has said. */
export interface Said {
  readonly confirmPrunes?: number;
  readonly allowHistory?: readonly History[];
  readonly overrideFreeze?: string;
}

export interface Judged {
  readonly plan: Plan;
  readonly source: PlannableSource;
  readonly observed: ObservedState;
  readonly settings: EnvironmentSettings;
  /** The rewritten branch that somebody said `resume` to. */
  readonly acceptedHistory?: AcceptedHistory | null;
}

export function findRefusal(said: Said, judged: Judged, now: Date): Failure | undefined {
  const { plan, settings } = judged;
  if (hasErrors(plan.problems) && !(settings.isolate && plan.applyable)) {
    const message = `${plan.counts.invalid} of the manifests must be mended first; nothing was changed`;
    return failure("MANIFESTS_INVALID", message, EXIT.invalid, { problems: plan.problems });
  }
  if (!plan.applyable) {
    return failure("PLAN_BLOCKED", `every change is blocked: ${plan.changes[0]?.blocked?.message ?? ""}`);
  }
  return refuseHistory(said, judged) ?? refusePrunes(said, judged) ?? refuseFrozen(said, judged, now);
}

function refuseHistory(said: Said, judged: Judged): Failure | undefined {
  const hold = findHeldBranch(said, judged);
  if (hold === undefined) return undefined;
  const { history, mode, from, to } = hold;
  return failure("HISTORY_HELD", historyHoldText(hold), EXIT.blocked, { history, mode, from, to });
}

/** Who applies a working tree stands before it: switching branches in it is no rewritten history. */
export function findHeldBranch({ allowHistory: allowed = [] }: Said, judged: Judged): HistoryHold | undefined {
  const { plan, observed, settings, acceptedHistory = null } = judged;
  if (plan.source.ref === null) return undefined;
  const from = observed.head?.commit ?? null;
  return findHistoryHold(plan, { mode: settings.history, allowed, from, accepted: acceptedHistory });
}

function refusePrunes({ confirmPrunes }: Said, judged: Judged): Failure | undefined {
  const { plan } = judged;
  const { prune } = plan.counts;
  const confirm = dueConfirm(judged);
  const refuse = (message: string): Failure =>
    failure("PRUNES_NOT_CONFIRMED", message, EXIT.blocked, { prunes: prune, confirm });
  if (confirmPrunes === prune) return undefined;
  if (confirmPrunes !== undefined) {
    return refuse(`the plan prunes ${prune} records, --confirm-prunes says ${confirmPrunes}`);
  }
  if (prune > 0 && isLoneFile(plan)) {
    const what = `\`${plan.source.path}\` alone is the whole set, so ${prune} records would be pruned`;
    return refuse(`${what}; name the folder, or add --confirm-prunes ${prune}`);
  }
  return confirm === null ? undefined : refuse(confirmHoldText(confirm));
}

/** A saved plan is not believed about it: the limits are those of now, and so is the state. */
function dueConfirm({ plan, source, observed, settings }: Judged): Plan["confirm"] {
  const declared = source.load.set.manifests.length;
  const facts = { prunes: plan.counts.prune, declared, records: observed.records.size, moved: 0 };
  return plan.confirm ?? findConfirm(facts, settings.prunes);
}

/** Of all the manifests of an environment somebody named one file. */
function isLoneFile({ source }: Plan): boolean {
  return source.ref === null && isManifestName(source.path);
}

function refuseFrozen({ overrideFreeze }: Said, { plan, settings }: Judged, now: Date): Failure | undefined {
  const hold = findFrozenHold(settings.freeze, now);
  if (hold === undefined || overrideFreeze !== undefined || !hasChanges(plan)) return undefined;
  const { reason, since, until } = hold;
  const message = `the environment is ${frozenText(hold)}. If it must be now, add --override-freeze "<why>"; the history keeps it`;
  return failure("ENVIRONMENT_FROZEN", message, EXIT.blocked, { reason, since, until });
}

function failure(code: string, message: string, exitCode: ExitCode = EXIT.blocked, details = {}): Failure {
  return { code, message, exitCode, details };
}
