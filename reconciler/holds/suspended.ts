// Whether somebody suspended the environment, or resources that a plan would change. Pure.
import type { Address } from "../../contracts/address.ts";
import type { Suspension } from "../../contracts/holds.ts";
import type { Change } from "../../contracts/plan.ts";

export interface SuspendedHold extends Suspension {
  readonly why: "suspended";
}

export function findSuspendedHold(environment: Suspension | null): SuspendedHold | undefined {
  return environment === null ? undefined : { why: "suspended", ...environment };
}

export function suspensionText({ by, since, reason }: Suspension): string {
  return `suspended by ${by} since ${since}${reason === "" ? "" : `: ${reason}`}`;
}

/** Changes of suspended resources become rows that hold back nothing but themselves. An older reason to block stays. */
export function blockSuspended(
  changes: readonly Change[],
  suspended: ReadonlyMap<Address, Suspension>,
): readonly Change[] {
  if (suspended.size === 0) return changes;
  return changes.map((change) => {
    const { address, previousAddress, blocked } = change;
    const found =
      suspended.get(address) ?? (previousAddress === undefined ? undefined : suspended.get(previousAddress));
    if (found === undefined || blocked !== undefined) return change;
    return { ...change, blocked: { code: "SUSPENDED", message: suspensionText(found) } };
  });
}
