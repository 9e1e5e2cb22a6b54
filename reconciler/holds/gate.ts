// Whether an apply waits for a person's word on its changes, and what that word is bound to. Pure.
import { digestOf } from "../../contracts/canonical.ts";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";

export interface GateHold {
  readonly why: "gate";
  readonly changes: number;
  readonly message: string;
}

/** `released`: somebody said so of exactly these changes. */
export function findGateHold(
  plan: Pick<Plan, "changes">,
  { gate }: Pick<EnvironmentSettings, "gate">,
  released: boolean,
): GateHold | undefined {
  const changes = countGated(plan);
  if (gate === "none" || released || changes === 0) return undefined;
  const what = changes === 1 ? "the change waits" : `the ${changes} changes wait`;
  const message = `${what} for a person (gate): \`/countwheel apply\` on the merged pull request, or \`countwheel apply\``;
  return { why: "gate", changes, message };
}

export function countGated({ changes }: Pick<Plan, "changes">): number {
  return changes.filter(({ blocked }) => blocked === undefined).length;
}

/**
 * Of what is done to which records, as they are: the plan of a pull request and that of the commit it was merged as are
 * alike in it where nothing else came in between.
 */
export function changesDigest({ changes }: Pick<Plan, "changes">): string {
  const open = changes.filter(({ blocked }) => blocked === undefined);
  return digestOf(
    open.map(({ address, previousAddress = null, action, before = null, afterDigest = null }) => ({
      address,
      previousAddress,
      action,
      before,
      afterDigest,
    })),
  );
}
