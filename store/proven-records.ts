// The records of a state that was proved byte by byte, unfolded one by one: a plan looks into those that differ, and
// unfolding a hundred thousand takes a second.
import type { Address } from "../contracts/address.ts";
import type { Digest } from "../contracts/canonical.ts";
import type { RecordMap, StateRecord } from "../contracts/record.ts";
import { type ProvenRecord, unfoldRecord } from "./sealed-record.ts";

interface Origin {
  readonly from: object;
  readonly changed: ReadonlySet<Address>;
}

export class ProvenRecords implements RecordMap {
  private readonly proven: ReadonlyMap<Address, ProvenRecord>;
  private readonly unfolded = new Map<Address, StateRecord>();
  /** Stands for these records: who was made from them holds this, and not them. */
  private readonly self = {};
  private readonly origin: Origin | undefined;

  /** In the order of addresses. */
  constructor(proven: ReadonlyMap<Address, ProvenRecord>, origin?: Origin) {
    this.proven = proven;
    this.origin = origin;
  }

  /** Other records with `fresh` in place of all that were at these addresses. */
  replace(addresses: Iterable<Address>, fresh: ReadonlyMap<Address, ProvenRecord>): ProvenRecords {
    const next = new Map(this.proven);
    const origin = { from: this.self, changed: new Set(addresses) };
    for (const address of addresses) if (!fresh.has(address)) next.delete(address);
    for (const [address, record] of fresh) next.set(address, record);
    const isOrdered = [...fresh.keys()].every((address) => this.proven.has(address));
    return new ProvenRecords(isOrdered ? next : new Map([...next].toSorted(([a], [b]) => (a < b ? -1 : 1))), origin);
  }

  changedSince(before: RecordMap): ReadonlySet<Address> | undefined {
    return before instanceof ProvenRecords && this.origin?.from === before.self ? this.origin.changed : undefined;
  }

  digestOf(address: Address): Digest | undefined {
    return this.proven.get(address)?.digest;
  }

  get size(): number {
    return this.proven.size;
  }

  has(address: Address): boolean {
    return this.proven.has(address);
  }

  get(address: Address): StateRecord | undefined {
    const known = this.unfolded.get(address);
    const proven = known === undefined ? this.proven.get(address) : undefined;
    if (proven === undefined) return known;
    const record = unfoldRecord(address, proven.text);
    this.unfolded.set(address, record);
    return record;
  }

  keys(): MapIterator<Address> {
    return this.proven.keys();
  }

  *entries(): MapIterator<[Address, StateRecord]> {
    for (const address of this.proven.keys()) {
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
