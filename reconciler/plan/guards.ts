// The guards of records against being pruned: annotations, read from the state, so that deleting a file lifts none. Pure.
import { displayAddress } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Change } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";

const GUARDS = [
  { annotation: "countwheel.dev/prevent-prune", code: "PREVENT_PRUNE" },
  { annotation: "countwheel.dev/retain", code: "RETAINED" },
] as const;

type Guard = (typeof GUARDS)[number];

/** Any value but `false` guards, also an empty one. */
export function findGuard({ metadata: { annotations } }: Manifest): Guard | undefined {
  return GUARDS.find(({ annotation }) => Object.hasOwn(annotations, annotation) && annotations[annotation] !== "false");
}

export function guardPrune(change: Change, record: StateRecord): Change {
  const guard = findGuard(record.manifest);
  if (guard === undefined) return change;
  const message =
    `the record says \`${guard.annotation}\`, and stays. To prune ${displayAddress(change)} in spite of it: put its ` +
    "manifest back without the annotation, apply that change by itself, then delete the manifest";
  return { ...change, blocked: { code: guard.code, message } };
}
