// The records of a state that was proved byte by byte, unfolded one by one: a plan looks into those that differ, and
// unfolding a hundred thousand takes a second.
import type { Address } from "../contracts/address.ts";
import type { Digest } from "../contracts/canonical.ts";
import type { RecordMap, StateRecord } from "../contracts/record.ts";
import { provenDigest, unfoldRecord } from "./sealed-record.ts";

interface Origin {
  readonly from: object;
  readonly changed: ReadonlySet<Address>;
}

export class ProvenRecords implements RecordMap {
  private readonly proven: ReadonlyMap<Address, string>;
  private sorted: readonly Address[] | undefined;
  private readonly unfolded = new Map<Address, StateRecord>();
  /** Stands for these records: who was made from them holds this, and not them. */
  private readonly self = {};
  private readonly origin: Origin | undefined;

  /** The sealed text of each. */
  constructor(proven: ReadonlyMap<Address, string>, origin?: Origin) {
    this.proven = proven;
    this.origin = origin;
  }

  /** Other records with `fresh` in place of all that were at these addresses. */
  replace(addresses: Iterable<Address>, fresh: ReadonlyMap<Address, string>): ProvenRecords {
    const next = new Map(this.proven);
    const origin = { from: this.self, changed: new Set(addresses) };
    for (const address of addresses) if (!fresh.has(address)) next.delete(address);
    for (const [address, sealed] of fresh) next.set(address, sealed);
    return new ProvenRecords(next, origin);
  }

  changedSince(before: RecordMap): ReadonlySet<Address> | undefined {
    return before instanceof ProvenRecords && this.origin?.from === before.self ? this.origin.changed : undefined;
  }

  digestOf(address: Address): Digest | undefined {
    const sealed = this.proven.get(address);
    return sealed === undefined ? undefined : provenDigest(sealed);
  }

  get size(): number {
    return this.proven.size;
  }

  has(address: Address): boolean {
    return this.proven.has(address);
  }

  get(address: Address): StateRecord | undefined {
    const known = this.unfolded.get(address);
    const sealed = known === undefined ? this.proven.get(address) : undefined;
    if (sealed === undefined) return known;
    const record = unfoldRecord(address, sealed);
    this.unfolded.set(address, record);
    return record;
  }

  /** By address, as all that goes through them: what is made of a state must not depend on how Redis orders a hash. */
  keys(): ArrayIterator<Address> {
    // Few plans go through the records, and sorting a hundred thousand takes a tenth of a second.
    this.sorted ??= [...this.proven.keys()].toSorted();
    return this.sorted.values();
  }

  *entries(): MapIterator<[Address, StateRecord]> {
    for (const address of this.keys()) {
      const record = this.get(address);
      if (record !== undefined) yield [address, record];
    }
  }

  *values(): MapIterator<StateRecord> {
    for (const [, record] of this.entries()) yield record;
  }

  forEach(callback: (record: StateRecord, address: Address, records: ReadonlyMap<Address, StateRecord>) => void): void {
    for (const [address, record] of this.entries()) callback(record, address, this);
  }

  [Symbol.iterator](): MapIterator<[Address, StateRecord]> {
    return this.entries();
  }
}
