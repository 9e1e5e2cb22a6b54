// Compares a desired set with the records: what differs, and what decides for the whole set. Made whole, or from the
// comparison before it for what changed since; both come to the same. Pure.
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { isPolicyKind, policyDigestOf } from "../../contracts/policy-digest.ts";
import { digestIn, type RecordMap } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { isMoved } from "./moves.ts";

export interface SetComparison {
  /** By address, like every set. */
  readonly manifests: readonly LoadedManifest[];
  readonly records: RecordMap;
  /** Manifests whose record is another, or none. */
  readonly unequal: ReadonlyMap<Address, LoadedManifest>;
  /** Records that no manifest declares. */
  readonly undeclared: ReadonlySet<Address>;
  /** Manifests that say what they were called before. */
  readonly moved: ReadonlySet<Address>;
  readonly policyDigest: Digest;
}

export function compareSet(manifests: readonly LoadedManifest[], records: RecordMap): SetComparison {
  const unequal = new Map<Address, LoadedManifest>();
  const moved = new Set<Address>();
  let found = 0;
  for (const loaded of manifests) {
    const digest = digestIn(records, loaded.address);
    if (digest !== undefined) found += 1;
    if (digest !== loaded.digest) unequal.set(loaded.address, loaded);
    if (isMoved(loaded)) moved.add(loaded.address);
  }
  // Only where there are more records than were found is there any to look for.
  const undeclared = found === records.size ? new Set<Address>() : findUndeclared(manifests, records);
  return { manifests, records, unequal, undeclared, moved, policyDigest: policyDigestOf(manifests) };
}

function findUndeclared(manifests: readonly LoadedManifest[], records: RecordMap): ReadonlySet<Address> {
  const declared = new Set(manifests.map(({ address }) => address));
  return new Set([...records.keys()].filter((address) => !declared.has(address)));
}

/** The same as {@link compareSet}, for the price of what is other than `before`. */
export function compareAgain(
  before: SetComparison,
  manifests: readonly LoadedManifest[],
  records: RecordMap,
): SetComparison {
  const written = before.records === records ? new Set<Address>() : records.changedSince?.(before.records);
  const declared = written === undefined ? undefined : changedManifests(before.manifests, manifests);
  if (written === undefined || declared === undefined) return compareSet(manifests, records);
  const parts = {
    unequal: new Map(before.unequal),
    undeclared: new Set(before.undeclared),
    moved: new Set(before.moved),
  };
  const changed = new Set([...written, ...declared]);
  for (const address of changed) judge(address, findManifest(manifests, address), records, parts);
  const isPolicy = [...declared].some(isPolicyAddress);
  const policyDigest = isPolicy ? policyDigestOf(manifests) : before.policyDigest;
  return { manifests, records, ...parts, policyDigest };
}

interface Parts {
  readonly unequal: Map<Address, LoadedManifest>;
  readonly undeclared: Set<Address>;
  readonly moved: Set<Address>;
}

function judge(
  address: Address,
  loaded: LoadedManifest | undefined,
  records: RecordMap,
  { unequal, undeclared, moved }: Parts,
): void {
  const digest = digestIn(records, address);
  unequal.delete(address);
  if (loaded !== undefined && loaded.digest !== digest) unequal.set(address, loaded);
  put(undeclared, address, loaded === undefined && digest !== undefined);
  put(moved, address, loaded !== undefined && isMoved(loaded));
}

function put(set: Set<Address>, address: Address, isIn: boolean): void {
  if (isIn) set.add(address);
  else set.delete(address);
}

function isPolicyAddress(address: Address): boolean {
  const kind = parseAddress(address)?.kind;
  return kind !== undefined && isPolicyKind(kind);
}

/** With more of them a whole comparison is as good. */
const CHANGED = 2_000;

/** Both are sorted by address, and what did not change is the very same value in both. */
function changedManifests(
  before: readonly LoadedManifest[],
  after: readonly LoadedManifest[],
): ReadonlySet<Address> | undefined {
  const changed = new Set<Address>();
  if (before === after) return changed;
  for (let old = 0, now = 0; old < before.length || now < after.length; ) {
    const [was, is] = [before[old], after[now]];
    if (was !== is) {
      const first = was === undefined || (is !== undefined && is.address < was.address) ? is : was;
      if (first !== undefined) changed.add(first.address);
      if (changed.size > CHANGED) return undefined;
      if (first?.address === was?.address) old += 1;
      if (first?.address === is?.address) now += 1;
    } else {
      old += 1;
      now += 1;
    }
  }
  return changed;
}

/** In a set that is sorted by address, as every set is. */
function findManifest(manifests: readonly LoadedManifest[], address: Address): LoadedManifest | undefined {
  let [low, high] = [0, manifests.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((manifests[middle]?.address ?? address) < address) low = middle + 1;
    else high = middle;
  }
  const found = manifests[low];
  return found?.address === address ? found : undefined;
}
