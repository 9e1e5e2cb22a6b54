// What is permitted, at once or by a person, takes its part of the ledgers that tasks share. It comes last, in one piece with
// the record that the call begins: what waits, is refused or does not fit its tool counts nowhere.
import { sharedClaims } from "../../policies/rules/budgets.ts";
import type { JudgeOptions } from "./ask.ts";
import { type Judgement, judgeShared, overBudget, setsOf } from "./judge.ts";
import type { OverShared } from "./recorder.ts";
import type { Shares } from "./shared-budgets.ts";

export interface Refused {
  readonly outcome: "refused";
  readonly judgement: Judgement;
}

type Begin<T> = (judgement: Judgement, shares: Shares | undefined) => Promise<T | OverShared>;

function isOverShared(begun: { readonly outcome: string }): begun is OverShared {
  return begun.outcome === "over-shared";
}

/**
 * `begin` writes the record. It is judged by what the store says of the ledgers only where the store says that there is not
 * room for all, or more spent than a policy in audit mode would allow.
 */
export async function shareAndBegin<T extends { readonly outcome: string }>(
  options: JudgeOptions,
  judgement: Judgement,
  begin: Begin<T>,
): Promise<T | Refused> {
  const claims = sharedClaims(judgement.request, setsOf(options, judgement.live));
  const { decisionId: id } = judgement.decision;
  const isKept = claims.length > 0 && options.budgets !== undefined;
  // Nobody keeps such ledgers: the policies find no amount, and deny.
  const first = isKept || claims.length === 0 ? judgement : judgeShared(options, judgement, {});
  if (!first.permitted) return { outcome: "refused", judgement: first };
  const begun = await begin(first, isKept ? { kind: "reserve", id, claims, anyway: false } : undefined);
  if (!isOverShared(begun)) return begun;
  const second = judgeShared(options, first, begun.spent);
  if (!second.permitted) return { outcome: "refused", judgement: second };
  const again = await begin(second, { kind: "reserve", id, claims, anyway: true });
  if (!isOverShared(again)) return again;
  return { outcome: "refused", judgement: overBudget(options, second.request, second) };
}
