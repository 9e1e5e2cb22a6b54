// Whether prunes wait for a person's exact number. Pure, but for the one word that is spent once it was used.
import { digestOf } from "../../contracts/canonical.ts";
import { type Confirm, type Plan } from "../../contracts/plan.ts";

export interface ConfirmHold extends Confirm {
  readonly why: "confirm";
}

/** `confirmed`: the number that somebody said. A number that is not the plan's confirms nothing. */
export function findConfirmHold({ confirm }: Pick<Plan, "confirm">, confirmed: number | null): ConfirmHold | undefined {
  return confirm === null || confirm.prunes === confirmed ? undefined : { why: "confirm", ...confirm };
}

/**
 * Of exactly these records, as they are: the plan of a pull request and that of the commit it was merged as prune the same
 * ones, whatever else moved between them.
 */
export function prunesDigest({ changes }: Pick<Plan, "changes">): string {
  const prunes = changes.filter(({ action, blocked }) => action === "prune" && blocked === undefined);
  return digestOf(prunes.map(({ address, before = null }) => ({ address, before })));
}

export function confirmHoldText({ because, prunes }: Confirm): string {
  return `${because}. If this is meant, confirm it with --confirm-prunes ${prunes}`;
}

/** What somebody confirmed when the reconciler was started: good for one apply. */
export class PruneConfirmation {
  private left: number | null;

  constructor(prunes: number | null) {
    this.left = prunes;
  }

  get prunes(): number | null {
    return this.left;
  }

  spend(): void {
    this.left = null;
  }
}
