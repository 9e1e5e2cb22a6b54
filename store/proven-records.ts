// The records of a state that was proved byte by byte, unfolded one by one: a plan looks into those that differ, and
// unfolding a hundred thousand takes a second.
import type { Address } from "../contracts/address.ts";
import type { Digest } from "../contracts/canonical.ts";
import type { StateRecord } from "../contracts/record.ts";

/** Read-only to whoever gets it, and equal to any Map with the same records. In the order of `texts`. */
export class ProvenRecords extends Map<Address, StateRecord> {
  readonly #digests: ReadonlyMap<Address, Digest>;
  readonly #texts: ReadonlyMap<Address, string>;
  readonly #unfold: (address: Address, text: string) => StateRecord;
  readonly #unfolded = new Map<Address, StateRecord>();

  constructor(
    texts: ReadonlyMap<Address, string>,
    digests: ReadonlyMap<Address, Digest>,
    unfold: (address: Address, text: string) => StateRecord,
  ) {
    super();
    this.#texts = texts;
    this.#digests = digests;
    this.#unfold = unfold;
  }

  /** The digest of a record's manifest, without unfolding the record. */
  digestOf(address: Address): Digest | undefined {
    return this.#digests.get(address);
  }

  override get size(): number {
    return this.#texts.size;
  }

  override has(address: Address): boolean {
    return this.#texts.has(address);
  }

  override get(address: Address): StateRecord | undefined {
    const known = this.#unfolded.get(address);
    const text = known === undefined ? this.#texts.get(address) : undefined;
    if (text === undefined) return known;
    const record = this.#unfold(address, text);
    this.#unfolded.set(address, record);
    return record;
  }

  override keys(): ReturnType<Map<Address, StateRecord>["keys"]> {
    return this.#texts.keys() as ReturnType<Map<Address, StateRecord>["keys"]>;
  }

  override *entries(): ReturnType<Map<Address, StateRecord>["entries"]> {
    for (const address of this.#texts.keys()) {
      const record = this.get(address);
      if (record !== undefined) yield [address, record];
    }
  }

  override *values(): ReturnType<Map<Address, StateRecord>["values"]> {
    for (const [, record] of this.entries()) yield record;
  }

  override forEach(
    callback: (record: StateRecord, address: Address, records: Map<Address, StateRecord>) => void,
  ): void {
    for (const [address, record] of this.entries()) callback(record, address, this);
  }

  override [Symbol.iterator](): ReturnType<Map<Address, StateRecord>["entries"]> {
    return this.entries();
  }
}
