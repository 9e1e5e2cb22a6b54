// The breaker: how many prunes at once wait until somebody has said their exact number. Pure.
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { Confirm } from "../../contracts/plan.ts";

export interface PruneFacts {
  /** Those that nothing blocks. */
  readonly prunes: number;
  /** How many manifests are declared, and how many records the state holds. */
  readonly declared: number;
  readonly records: number;
  /** Prunes that a create is alike to. */
  readonly moved: number;
}

/** Of fewer records each one is a large share, and nobody would read the question any more. */
const PERCENT_FROM_RECORDS = 4;

export function findConfirm(facts: PruneFacts, limits: EnvironmentSettings["prunes"]): Confirm | null {
  const because = facts.prunes === 0 ? undefined : reasonFor(facts, limits);
  return because === undefined ? null : { prunes: facts.prunes, because };
}

function reasonFor(
  facts: PruneFacts,
  { maxCount, maxPercent, allowEmpty }: EnvironmentSettings["prunes"],
): string | undefined {
  const { prunes, declared, records, moved } = facts;
  const would = `${prunes} of ${records} ${records === 1 ? "record" : "records"} would be pruned`;
  if (declared === 0) return allowEmpty ? undefined : `the set is empty, and ${would}`;
  if (isRootMoved(facts)) return `${would} and ${moved} alike created: did the path or a namespace change?`;
  if (prunes > maxCount) return `${would}, and the limit is ${maxCount} at once`;
  if (records < PERCENT_FROM_RECORDS || prunes * 100 <= maxPercent * records) return undefined;
  return `${would} (${Math.round((prunes * 100) / records)} %), and the limit is ${maxPercent} %`;
}

/** Most records go, and for most of those that go something alike comes. One record alone is a rename. */
export function isRootMoved({ prunes, records, moved }: PruneFacts): boolean {
  return prunes > 1 && prunes * 2 > records && moved * 2 > prunes;
}
