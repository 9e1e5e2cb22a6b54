// What would hold a plan back if it were applied now: told to whoever only plans, before an apply is refused.
import type { EnvironmentSettings } from "../contracts/environment.ts";
import type { AcceptedHistory } from "../contracts/holds.ts";
import { hasChanges, type Plan } from "../contracts/plan.ts";
import { findHistoryHold, historyHoldText } from "../reconciler/holds/history.ts";
import { findSignatureHold } from "../reconciler/holds/signature.ts";
import type { SignatureVerdict } from "../reconciler/source/signatures.ts";

export interface PlanGround {
  readonly settings: EnvironmentSettings;
  /** The commit that was applied last. */
  readonly from: string | null;
  readonly accepted: AcceptedHistory | null;
  /** Judges the commits that the plan brings. */
  readonly verify: () => Promise<SignatureVerdict | null>;
  readonly now: Date;
}

export async function waitLines(plan: Plan, ground: PlanGround): Promise<readonly string[]> {
  if (!hasChanges(plan)) return [];
  return [...rewrittenLines(plan, ground), ...(await unsignedLines(ground)), ...(await frozenLines(ground))];
}

async function unsignedLines({ verify }: PlanGround): Promise<string[]> {
  const hold = findSignatureHold(await verify());
  return hold === undefined ? [] : [`NOT_SIGNED: ${hold.message}`];
}

/** Of a working tree switching branches is no rewritten history. */
function rewrittenLines(plan: Plan, { settings, from, accepted }: PlanGround): string[] {
  const rule = { mode: settings.history, allowed: [], from, accepted };
  const hold = plan.source.ref === null ? undefined : findHistoryHold(plan, rule);
  return hold === undefined ? [] : [`HISTORY_HELD: ${historyHoldText(hold)}`];
}

async function frozenLines({ settings, now }: PlanGround): Promise<string[]> {
  if (settings.freeze.length === 0) return [];
  const { findFrozenHold, frozenText } = await import("../reconciler/holds/frozen.ts");
  const hold = findFrozenHold(settings.freeze, now);
  return hold === undefined
    ? []
    : [`ENVIRONMENT_FROZEN: the environment is ${frozenText(hold)}. Nothing is applied now.`];
}
