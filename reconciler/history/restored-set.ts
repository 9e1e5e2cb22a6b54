// What the state held after an apply of the past: today's records with every later apply undone, newest first. Pure.
import type { Address } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import type { AppliedChange } from "../../contracts/history.ts";

interface Kept {
  readonly digest: Digest;
}

interface Later {
  readonly changes: readonly AppliedChange[];
}

/**
 * By address. `later` must be every apply behind the wanted one, newest first. What each record was before the oldest of
 * them is what it was then; so a record that changed behind our backs since is put back, too.
 */
export function restoredSet(
  records: ReadonlyMap<Address, Kept>,
  later: readonly Later[],
): ReadonlyMap<Address, Digest> {
  const set = new Map(Array.from(records, ([address, { digest }]) => [address, digest] as const));
  for (const { changes } of later) for (const { address, before } of changes) undo(set, address, before);
  return set;
}

function undo(set: Map<Address, Digest>, address: Address, before: Digest | null): void {
  if (before === null) set.delete(address);
  else set.set(address, before);
}
