// The buttons of a plan's check run, within GitHub's bounds: three, labels and identifiers of 20 characters, descriptions of
// 40. Pure. https://docs.github.com/en/rest/checks/runs
import { hasChanges, type Plan } from "../../../contracts/plan.ts";
import type { ShownPlan } from "../../../store/pull-notes.ts";
import { prunesDigest } from "../../holds/confirm.ts";
import type { CheckButton } from "../github/checks.ts";
import type { PageCommand } from "./grammar.ts";

const PLAN = "plan";
const APPLY = "apply";
const CONFIRM = "confirm:";
/** What an identifier has room for; the whole digest is compared behind the check run that bore it. */
const DIGEST_LENGTH = 12;
/** With more, a label is too long: they are confirmed by a comment. */
const MOST_PRUNES = 99_999;

/** `gated`: its apply waits for a word. */
export function planButtons(plan: Plan, gated = false): CheckButton[] {
  const again = { label: "Plan again", description: "Plans this head again, now", identifier: PLAN };
  const apply = { label: "Apply once merged", description: "Releases exactly these changes", identifier: APPLY };
  return [again, ...confirmButton(plan), ...(gated && hasChanges(plan) ? [apply] : [])];
}

function confirmButton(plan: Plan): CheckButton[] {
  if (plan.confirm === null || plan.confirm.prunes > MOST_PRUNES) return [];
  const { prunes } = plan.confirm;
  const label = `Confirm ${prunes} ${prunes === 1 ? "prune" : "prunes"}`;
  const identifier = `${CONFIRM}${shortDigest(prunesDigest(plan))}`;
  return [{ label, description: "Merging then applies exactly these", identifier }];
}

/** Undefined: it is no button of the plan that is shown. */
export function commandOfButton(button: string, { confirm }: ShownPlan): PageCommand | undefined {
  if (button === PLAN) return { verb: "plan" };
  if (button === APPLY) return { verb: "apply" };
  if (confirm === null || button !== `${CONFIRM}${shortDigest(confirm.digest)}`) return undefined;
  return { verb: "confirm", prunes: confirm.prunes };
}

function shortDigest(digest: string): string {
  return digest.replace(/^.*:/, "").slice(0, DIGEST_LENGTH);
}
