// Reads the observed state of an environment: its head and its records, each verified before it is believed.
import type { Address } from "../contracts/address.ts";
import type { ObservedState, StateHead, StateRecord } from "../contracts/record.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, objectOf, textOf } from "./reply.ts";
import { openHead, openRecord } from "./sealed-record.ts";

/**
 * Head and records of one moment. Throws PermanentFailure STATE_CORRUPT, naming what cannot be believed; records without
 * a head are such a case, because nobody can tell whose they are.
 */
export async function readState(redis: Redis, env: string): Promise<ObservedState> {
  const keys = environmentKeys(env);
  const [head, found] = await askAll(redis, () => redis.multi().hgetall(keys.head).hgetall(keys.records).exec());
  const records = new Map<Address, StateRecord>();
  for (const [address, text] of sortedEntries(objectOf(`the records of environment ${env}`, found))) {
    const record = openRecord(address, textOf(`the record of ${address}`, text));
    records.set(record.address, record);
  }
  const opened = openHeadOrNull(env, head);
  if (opened === null && records.size > 0) {
    throw corrupt(`the state of environment ${env}`, "there are records, but its head with the lineage is gone");
  }
  return { head: opened, records };
}

/** null: the environment has no state. */
export async function readHead(redis: Redis, env: string): Promise<StateHead | null> {
  return openHeadOrNull(env, await ask(redis, () => redis.hgetall(environmentKeys(env).head)));
}

function openHeadOrNull(env: string, found: unknown): StateHead | null {
  const fields = objectOf(`the state head of environment ${env}`, found);
  return Object.keys(fields).length === 0 ? null : openHead(env, fields);
}

/** By address: what is made from the state must not depend on how Redis orders a hash. */
function sortedEntries(found: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
