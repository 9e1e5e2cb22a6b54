// Reads the observed state of an environment: its head and its records, each verified before it is believed.
import type { Address } from "../contracts/address.ts";
import type { ObservedState, RecordMap, StateHead } from "../contracts/record.ts";
import { ask, askAll } from "./ask.ts";
import { type Redis, stateKeyOf } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { ProvenRecords } from "./proven-records.ts";
import { corrupt, listOf, objectOf, textOf } from "./reply.ts";
import type { Sealing } from "./seal.ts";
import {
  type KeptHead,
  openHead,
  type ProvenRecord,
  proveRecord,
  type RecordSealing,
  sealsDigest,
} from "./sealed-record.ts";

/**
 * Head and records of one moment. Throws PermanentFailure STATE_CORRUPT, naming what cannot be believed; records without
 * a head are such a case, because nobody can tell whose they are. With a state key on the connection also
 * STATE_UNSEALED and STATE_KEY_MISSING.
 */
export async function readState(redis: Redis, env: string): Promise<ObservedState> {
  const { kept, records } = await readKeptState(redis, sealingOf(redis, env));
  return { head: kept?.head ?? null, records };
}

/** null: the environment has no state. */
export async function readHead(redis: Redis, env: string): Promise<StateHead | null> {
  return (await readKeptHead(redis, sealingOf(redis, env)))?.head ?? null;
}

/** How the connection's key seals an environment. */
export function sealingOf(redis: Redis, env: string): Sealing {
  return { env, key: stateKeyOf(redis) };
}

export async function readKeptHead(redis: Redis, sealing: Sealing): Promise<KeptHead | null> {
  return openHeadOrNull(await ask(redis, () => redis.hgetall(environmentKeys(sealing.env).head)), sealing);
}

export interface KeptState {
  readonly kept: KeptHead | null;
  readonly records: RecordMap;
  /** By address, as they stand in Redis. Only with a state key: nothing else binds them together. */
  readonly seals: ReadonlyMap<string, string>;
}

export async function readKeptState(redis: Redis, sealing: Sealing): Promise<KeptState> {
  const { env } = sealing;
  const keys = environmentKeys(env);
  // In capitals a command is answered as Redis does, flat: an object of a hundred thousand names takes a tenth of a second.
  const [head, found, newest] = await askAll(redis, () =>
    redis.multi().hgetall(keys.head).call("HGETALL", keys.records).xrevrange(keys.history, "+", "-", "COUNT", 1).exec(),
  );
  const texts = textsByName(`the records of environment ${env}`, found);
  // By address: what is made from the state must not depend on how Redis orders a hash.
  const names = [...texts.keys()].toSorted();
  const kept = openHeadOrNull(head, sealing);
  checkNewest(kept, newest, sealing);
  if (kept === null && names.length > 0) {
    throw corrupt(`the state of environment ${env}`, "there are records, but its head with the lineage is gone");
  }
  const proven = proveRecords(names, texts, recordSealingOf(kept, sealing));
  const seals = new Map(sealing.key === undefined ? [] : Array.from(proven, ([address, { seal }]) => [address, seal]));
  checkSealedSet(env, kept, seals);
  return { kept, records: proven.size === 0 ? new Map() : new ProvenRecords(proven), seals };
}

function textsByName(what: string, found: unknown): ReadonlyMap<string, unknown> {
  const flat = listOf(what, found);
  const texts = new Map<string, unknown>();
  for (let at = 0; at < flat.length; at += 2) texts.set(textOf(what, flat[at]), flat[at + 1]);
  return texts;
}

function proveRecords(
  names: readonly string[],
  texts: ReadonlyMap<string, unknown>,
  sealing: RecordSealing,
): ReadonlyMap<Address, ProvenRecord> {
  const proven = new Map<Address, ProvenRecord>();
  for (const name of names) {
    const value = texts.get(name);
    const text = typeof value === "string" ? value : textOf(`the record of ${name}`, value);
    const record = proveRecord(name, text, sealing);
    proven.set(record.address, record);
  }
  return proven;
}

/** Below a sealed head no plain record is believed, whatever the caller would believe. */
function recordSealingOf(kept: KeptHead | null, sealing: Sealing): RecordSealing {
  const believesUnsealed = sealing.believesUnsealed === true && kept?.sealed === null;
  return { ...sealing, lineage: kept?.head.lineage ?? "", believesUnsealed };
}

/** Every record may be ours and the set still a wrong one: an old record put back, one taken away. */
function checkSealedSet(env: string, kept: KeptHead | null, seals: ReadonlyMap<string, string>): void {
  if (kept?.sealed == null || kept.sealed.digest === sealsDigest(seals)) return;
  const why = `they are not the set that serial ${kept.head.serial} was sealed with: one was removed, added, or replaced by an older one`;
  throw corrupt(`the records of environment ${env}`, why);
}

function openHeadOrNull(found: unknown, sealing: Sealing): KeptHead | null {
  const fields = objectOf(`the state head of environment ${sealing.env}`, found);
  return Object.keys(fields).length === 0 ? null : openHead(fields, sealing);
}

/** Both are written by one script: a head that is behind its history was put back, however well it is sealed. */
function checkNewest(kept: KeptHead | null, newest: unknown, { env }: Sealing): void {
  if (kept === null) return;
  const { head, sealed } = kept;
  const what = `the state head of environment ${env}`;
  const [entry] = listOf(what, newest);
  const id = entry === undefined ? undefined : textOf(what, listOf(what, entry)[0]);
  if (id === `${head.serial}-0` || (id === undefined && sealed === null)) return;
  const told = id === undefined ? "the history is gone" : `the history ends at #${id.replace(/-0$/, "")}`;
  throw corrupt(what, `it is at #${head.serial}, and ${told}: an older one was put back, or one of them was changed`);
}
