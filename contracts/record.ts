// A record: one manifest as the observed state keeps it, with where it came from.
import type { Address, KindName } from "./address.ts";
import type { Digest } from "./canonical.ts";
import type { Manifest } from "./manifest.ts";

/** Where a record's manifest stood when it was applied. `commit` is null for a working tree outside a commit. */
export interface RecordSource {
  readonly repo: string;
  readonly commit: string | null;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface StateRecord {
  readonly address: Address;
  readonly manifest: Manifest;
  readonly digest: Digest;
  /** Counts the changes of this record, from 1. */
  readonly generation: number;
  readonly source: RecordSource;
  /** The serial of the apply that wrote it. */
  readonly serial: number;
  readonly appliedAt: string;
}

/** The observed state's own facts. `lineage` is made once, when the environment first gets a state. */
export interface StateHead {
  readonly env: string;
  readonly lineage: string;
  readonly serial: number;
  /** The commit that was applied last; null before the first apply or after a working tree. */
  readonly commit: string | null;
  readonly policyDigest: string;
  readonly appliedAt: string | null;
}

export interface ObservedState {
  /** null: the environment has no state yet. */
  readonly head: StateHead | null;
  readonly records: RecordMap;
}

export interface RecordMap extends ReadonlyMap<Address, StateRecord> {
  /** The digest of a record's manifest, where that is at hand without the record itself. */
  digestOf?(address: Address): Digest | undefined;
  /** Where records may be others than in `before`, an earlier map of the same state; undefined: anywhere. */
  changedSince?(before: RecordMap): ReadonlySet<Address> | undefined;
}

/** undefined: there is no record of that address. */
export function digestIn(records: RecordMap, address: Address): Digest | undefined {
  return records.digestOf === undefined ? records.get(address)?.digest : records.digestOf(address);
}

/** The others are not even looked at: of a hundred thousand records a few are of most kinds. */
export function recordsOfKind(records: RecordMap, kind: KindName): StateRecord[] {
  const addresses = [...records.keys()].filter((address) => address.startsWith(`${kind}/`));
  return addresses.map((address) => records.get(address)).filter((record) => record !== undefined);
}
