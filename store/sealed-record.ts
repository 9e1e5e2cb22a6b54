// Records and the head as Redis keeps them: sealed, so that a changed byte or an exchanged record is noticed at read.
import { type Address, isAddress } from "../contracts/address.ts";
import { type Digest, digestOf, digestText } from "../contracts/canonical.ts";
import { manifestAddress, manifestDigest } from "../contracts/manifest.ts";
import type { StateHead, StateRecord } from "../contracts/record.ts";
import { corrupt, isObject, jsonOf, numberOf, textOf, textOrNull } from "./reply.ts";
import { checkSeal, makeSeal, type Sealing } from "./seal.ts";

/** Records are sealed for one lineage: one of a state that is gone cannot come back. */
export interface RecordSealing extends Sealing {
  readonly lineage: string;
}

/**
 * `<seal> <manifest digest> <json>`. The seal covers everything behind it: one hash of text, where canonical JSON of each
 * record would take five times as long. Scripts read the digest in the middle.
 */
export function sealRecord(record: StateRecord, sealing: RecordSealing): string {
  if (manifestDigest(record.manifest) !== record.digest || manifestAddress(record.manifest) !== record.address) {
    throw new TypeError(`the record of ${record.address} does not carry its manifest's own digest and address`);
  }
  const text = `${record.digest} ${JSON.stringify(record)}`;
  return `${makeSeal(sealing, partsOf(record.address, text, sealing), () => digestText(text))} ${text}`;
}

/** Throws PermanentFailure STATE_CORRUPT, STATE_UNSEALED or STATE_KEY_MISSING, naming the address. */
export function openRecord(address: string, sealed: string, sealing: RecordSealing): StateRecord {
  return unfoldRecord(proveRecord(address, sealed, sealing), sealed);
}

/**
 * As {@link openRecord}, without unfolding the record where its beginning tells whose it is. Of a text that was proved, and
 * of no other, {@link provenDigest} and {@link unfoldRecord} may be asked.
 */
export function proveRecord(address: string, sealed: string, sealing: RecordSealing): Address {
  const seal = sealOf(sealed);
  const text = sealed.slice(seal.length + 1);
  // What is said where it is wrong is put together only then: a state has a hundred thousand records.
  if (sealing.key !== undefined || seal !== digestText(text)) {
    const what = `the record of ${address}`;
    checkSeal(sealing, { what, seal, parts: partsOf(address, text, sealing), plain: () => digestText(text) });
  }
  // In an address nothing has to be escaped.
  const isOurs = isAddress(address) && text.startsWith(`{"address":"${address}",`, text.indexOf(" ") + 1);
  if (!isOurs) unfoldRecord(address, sealed);
  return address as Address;
}

/** The digest of the record's manifest. */
export function provenDigest(sealed: string): Digest {
  const start = sealed.indexOf(" ") + 1;
  return sealed.slice(start, Math.max(start, sealed.indexOf(" ", start))) as Digest;
}

export function unfoldRecord(address: string, sealed: string): StateRecord {
  const what = `the record of ${address}`;
  const text = sealed.slice(sealOf(sealed).length + 1);
  const [digest = ""] = text.split(" ", 1);
  const record = jsonOf(what, text.slice(digest.length + 1));
  if (!isStateRecord(record)) throw corrupt(what, "it is no record");
  if (record.address !== address || record.digest !== digest || manifestAddress(record.manifest) !== address) {
    throw corrupt(what, "it belongs to another address");
  }
  return record;
}

/** The seal of a record's text: what the head's sealed set is made of. */
export function sealOf(sealed: string): string {
  const end = sealed.indexOf(" ");
  return end === -1 ? sealed : sealed.slice(0, end);
}

/** The serial is inside of the text. */
function partsOf(address: string, text: string, { lineage }: RecordSealing): string[] {
  return ["record", lineage, address, text];
}

/** The seal proves that we wrote it; this only tells a record from anything else of ours. */
function isStateRecord(value: unknown): value is StateRecord {
  if (!isObject(value) || !isObject(value["manifest"]) || !isObject(value["source"])) return false;
  const { address, generation, serial, manifest } = value;
  const numbers = typeof generation === "number" && typeof serial === "number";
  return (
    numbers && typeof address === "string" && isAddress(address) && isObject(manifest) && isObject(manifest["metadata"])
  );
}

/** What a head says of a state that is sealed by a key. */
export interface SealedSet {
  /** Over the seals of all records: one that was removed, added or replaced by an older one of ours is noticed. */
  readonly digest: string;
  /** The serial at which the state was sealed first: history up to it may be plain. */
  readonly from: number;
}

/** `sealed` null: the state is not sealed by a key. */
export interface KeptHead {
  readonly head: StateHead;
  readonly sealed: SealedSet | null;
}

export function sealsDigest(seals: ReadonlyMap<string, string>): string {
  const lines = Array.from(seals, ([address, seal]) => `${address} ${seal}\n`);
  return digestText(lines.toSorted().join(""));
}

/** The head's hash, as flat names and values. */
export function sealHead({ head, sealed }: KeptHead, sealing: Sealing): string[] {
  const { env: _env, ...fields } = head;
  const bound = sealed === null ? {} : { sealedSet: sealed.digest, sealedFrom: sealed.from };
  const seal = makeSeal(sealing, headParts({ head, sealed }), () => digestOf(head));
  return Object.entries({ ...fields, ...bound, seal }).flatMap(([name, value]) => [name, String(value ?? "")]);
}

export function openHead(fields: Readonly<Record<string, unknown>>, sealing: Sealing): KeptHead {
  const what = `the state head of environment ${sealing.env}`;
  const head: StateHead = {
    env: sealing.env,
    lineage: textOf(what, fields["lineage"]),
    serial: numberOf(what, fields["serial"]),
    commit: textOrNull(what, fields["commit"]),
    policyDigest: textOf(what, fields["policyDigest"]),
    appliedAt: textOrNull(what, fields["appliedAt"]),
  };
  const sealed = sealedSetOf(what, fields);
  checkSeal(sealing, { what, seal: fields["seal"], parts: headParts({ head, sealed }), plain: () => digestOf(head) });
  return { head, sealed };
}

function sealedSetOf(what: string, { sealedSet, sealedFrom }: Readonly<Record<string, unknown>>): SealedSet | null {
  if (sealedSet === undefined) return null;
  return { digest: textOf(what, sealedSet), from: numberOf(what, sealedFrom) };
}

function headParts({ head, sealed }: KeptHead): string[] {
  return ["head", head.lineage, String(head.serial), sealed?.digest ?? "", String(sealed?.from ?? ""), digestOf(head)];
}
