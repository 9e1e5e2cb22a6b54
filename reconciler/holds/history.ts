// Whether a rewritten branch may be applied: the rule of environments for forced and unrelated histories. Pure.
import type { HistoryMode } from "../../contracts/environment.ts";
import type { AcceptedHistory, RewrittenBranch } from "../../contracts/holds.ts";
import type { History, Plan } from "../../contracts/plan.ts";

export interface HistoryHold {
  readonly why: "history";
  /** `hold` waits for a person's word; `block` takes none: only the settings lift it. */
  readonly mode: "hold" | "block";
  readonly history: History;
  /** The commit that was applied last, and the one that does not follow it. */
  readonly from: string | null;
  readonly to: string | null;
}

export interface HistoryRule {
  readonly mode: HistoryMode;
  /** What a person allowed, for this once: `--allow-history`. */
  readonly allowed: readonly History[];
  readonly from: string | null;
  /** What a person said `resume` to. */
  readonly accepted?: AcceptedHistory | null;
}

/** A plan without changes writes nothing, so there is nothing to hold back. */
export function findHistoryHold(
  { changes, source }: Pick<Plan, "changes" | "source">,
  { mode, allowed, from, accepted = null }: HistoryRule,
): HistoryHold | undefined {
  const { history, headSha: to } = source;
  if (mode === "allow" || changes.length === 0 || !isRewritten(history)) return undefined;
  if (mode === "hold" && (allowed.includes(history) || isAccepted(accepted, { from, to }))) return undefined;
  return { why: "history", mode, history, from, to };
}

/** Of these two commits and no others: a branch that is rewritten once more waits once more. */
function isAccepted(accepted: AcceptedHistory | null, { from, to }: Pick<HistoryHold, "from" | "to">): boolean {
  return accepted !== null && accepted.from === from && accepted.to === to;
}

/** For whoever keeps it: what a person may accept. */
export function rewrittenBranch({ mode, history, from, to }: HistoryHold): RewrittenBranch | undefined {
  if (mode === "block" || !isRewritten(history) || from === null || to === null) return undefined;
  return { history, from, to };
}

function isRewritten(history: History): history is RewrittenBranch["history"] {
  return history === "forced" || history === "unrelated";
}

/** With both hashes, and with what lifts it. */
export function historyHoldText({ mode, history, from, to }: HistoryHold): string {
  const what = history === "unrelated" ? "an unrelated history" : "a rewritten history";
  const found = `the branch has ${what}: ${to ?? "nothing"} does not follow ${from ?? "nothing"}, which was applied last`;
  if (mode === "block") return `${found}. The settings of this environment forbid it (history: block).`;
  return `${found}. If this is meant, \`countwheel resume\` accepts these two, or apply it by hand with --allow-history ${history}.`;
}
