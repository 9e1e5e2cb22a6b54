// Reads the observed state of an environment: its head and its records, each verified before it is believed.
import type { Address } from "../contracts/address.ts";
import type { ObservedState, RecordMap, StateHead } from "../contracts/record.ts";
import { ask, askAll } from "./ask.ts";
import { type Redis, stateKeyOf } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { ProvenRecords } from "./proven-records.ts";
import { corrupt, listOf, objectOf, textOf } from "./reply.ts";
import type { Sealing } from "./seal.ts";
import { type KeptHead, openHead, proveRecord, type RecordSealing, sealOf, sealsDigest } from "./sealed-record.ts";

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
  const sealed = listOf(`the records of environment ${env}`, found);
  const kept = openHeadOrNull(head, sealing);
  checkNewest(kept, newest, sealing);
  if (kept === null && sealed.length > 0) {
    throw corrupt(`the state of environment ${env}`, "there are records, but its head with the lineage is gone");
  }
  const proven = proveRecords(sealed, recordSealingOf(kept, sealing));
  const isBound = sealing.key !== undefined;
  const seals = new Map(isBound ? Array.from(proven, ([address, text]) => [address, sealOf(text)]) : []);
  checkSealedSet(env, kept, seals);
  return { kept, records: proven.size === 0 ? new Map() : new ProvenRecords(proven), seals };
}

/**
 * Of a flat list of names and texts, in whatever order Redis has them; of several that cannot be believed the first by
 * address is told. Nothing else is made of each: of a hundred thousand records every list and object more takes its time.
 */
function proveRecords(flat: readonly unknown[], sealing: RecordSealing): ReadonlyMap<Address, string> {
  const proven = new Map<Address, string>();
  let failed: { readonly name: string; readonly error: unknown } | undefined;
  for (let at = 0; at < flat.length; at += 2) {
    const name = textOf(`the records of environment ${sealing.env}`, flat[at]);
    const value = flat[at + 1];
    if (failed !== undefined && failed.name < name) continue;
    try {
      const text = typeof value === "string" ? value : textOf(`the record of ${name}`, value);
      proven.set(proveRecord(name, text, sealing), text);
    } catch (error) {
      failed = { name, error };
    }
  }
  if (failed !== undefined) throw failed.error;
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
