// Whether a rewritten branch may be applied: the rule of environments for forced and unrelated histories. Pure.
import type { HistoryMode } from "../../contracts/environment.ts";
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
}

/** A plan without changes writes nothing, so there is nothing to hold back. */
export function findHistoryHold(
  { changes, source }: Pick<Plan, "changes" | "source">,
  { mode, allowed, from }: HistoryRule,
): HistoryHold | undefined {
  const { history, headSha: to } = source;
  if (mode === "allow" || changes.length === 0 || !isRewritten(history)) return undefined;
  if (mode === "hold" && allowed.includes(history)) return undefined;
  return { why: "history", mode, history, from, to };
}

function isRewritten(history: History): boolean {
  return history === "forced" || history === "unrelated";
}

/** With both hashes, and with what lifts it. */
export function historyHoldText({ mode, history, from, to }: HistoryHold): string {
  const what = history === "unrelated" ? "an unrelated history" : "a rewritten history";
  const found = `the branch has ${what}: ${to ?? "nothing"} does not follow ${from ?? "nothing"}, which was applied last`;
  if (mode === "block") return `${found}. The settings of this environment forbid it (history: block).`;
  return `${found}. If this is meant, apply it by hand with --allow-history ${history}.`;
}
