// The records of a state that was proved byte by byte, unfolded one by one: a plan looks into those that differ, and
// unfolding a hundred thousand takes a second.
import type { Address } from "../contracts/address.ts";
import type { Digest } from "../contracts/canonical.ts";
import type { RecordMap, StateRecord } from "../contracts/record.ts";

/** In the order of `texts`. */
export class ProvenRecords implements RecordMap {
  private readonly digests: ReadonlyMap<Address, Digest>;
  private readonly texts: ReadonlyMap<Address, string>;
  private readonly unfold: (address: Address, text: string) => StateRecord;
  private readonly unfolded = new Map<Address, StateRecord>();

  constructor(
    texts: ReadonlyMap<Address, string>,
    digests: ReadonlyMap<Address, Digest>,
    unfold: (address: Address, text: string) => StateRecord,
  ) {
    this.texts = texts;
    this.digests = digests;
    this.unfold = unfold;
  }

  /** The digest of a record's manifest, without unfolding the record. */
  digestOf(address: Address): Digest | undefined {
    return this.digests.get(address);
  }

  get size(): number {
    return this.texts.size;
  }

  has(address: Address): boolean {
    return this.texts.has(address);
  }

  get(address: Address): StateRecord | undefined {
    const known = this.unfolded.get(address);
    const text = known === undefined ? this.texts.get(address) : undefined;
    if (text === undefined) return known;
    const record = this.unfold(address, text);
    this.unfolded.set(address, record);
    return record;
  }

  keys(): MapIterator<Address> {
    return this.texts.keys();
  }

  *entries(): MapIterator<[Address, StateRecord]> {
    for (const address of this.texts.keys()) {
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
