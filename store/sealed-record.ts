// Records and the head as Redis keeps them: sealed, so that a changed byte or an exchanged record is noticed at read.
import { type Address, parseAddress } from "../contracts/address.ts";
import { digestOf, digestText } from "../contracts/canonical.ts";
import { manifestAddress, manifestDigest } from "../contracts/manifest.ts";
import type { StateHead, StateRecord } from "../contracts/record.ts";
import { corrupt, isObject, jsonOf, numberOf, textOf, textOrNull } from "./reply.ts";

/**
 * `<seal> <manifest digest> <json>`. The seal covers everything behind it: one hash of text, where canonical JSON of each
 * record would take five times as long. Scripts read the digest in the middle.
 */
export function sealRecord(record: StateRecord): string {
  if (manifestDigest(record.manifest) !== record.digest || manifestAddress(record.manifest) !== record.address) {
    throw new TypeError(`the record of ${record.address} does not carry its manifest's own digest and address`);
  }
  const sealed = `${record.digest} ${JSON.stringify(record)}`;
  return `${digestText(sealed)} ${sealed}`;
}

/** Throws PermanentFailure STATE_CORRUPT, naming the address. */
export function openRecord(address: string, text: string): StateRecord {
  const what = `the record of ${address}`;
  const [seal = "", digest = ""] = text.split(" ", 2);
  const sealed = text.slice(seal.length + 1);
  if (digestText(sealed) !== seal) throw corrupt(what, "its bytes do not match its digest");
  const record = jsonOf(what, sealed.slice(digest.length + 1));
  if (!isStateRecord(record)) throw corrupt(what, "it is no record");
  if (record.address !== address || record.digest !== digest || manifestAddress(record.manifest) !== address) {
    throw corrupt(what, "it belongs to another address");
  }
  return record;
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

function isAddress(text: string): text is Address {
  return parseAddress(text) !== undefined;
}

/** The head's hash, as flat names and values. */
export function sealHead(head: StateHead): string[] {
  const { env: _env, ...fields } = head;
  return Object.entries({ ...fields, seal: digestOf(head) }).flatMap(([name, value]) => [name, String(value ?? "")]);
}

export function openHead(env: string, fields: Readonly<Record<string, unknown>>): StateHead {
  const what = `the state head of environment ${env}`;
  const head: StateHead = {
    env,
    lineage: textOf(what, fields["lineage"]),
    serial: numberOf(what, fields["serial"]),
    commit: textOrNull(what, fields["commit"]),
    policyDigest: textOf(what, fields["policyDigest"]),
    appliedAt: textOrNull(what, fields["appliedAt"]),
  };
  if (digestOf(head) !== fields["seal"]) throw corrupt(what, "its fields do not match its digest");
  return head;
}
