// What people told the reconciler to leave alone. Read at every look; an apply that is under way asks once more.
import { type Address, parseAddress } from "../contracts/address.ts";
import type { RolledBack, Suspension } from "../contracts/holds.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

const ENVIRONMENT = "environment";
const ROLLED_BACK = "rolled-back";

export interface Holds {
  readonly environment: Suspension | null;
  readonly rolledBack: RolledBack | null;
  readonly resources: ReadonlyMap<Address, Suspension>;
}

/** A hold that cannot be read still holds: STATE_CORRUPT stops whoever asked. */
export async function readHolds(redis: Redis, env: string): Promise<Holds> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).holds));
  const { [ENVIRONMENT]: environment, [ROLLED_BACK]: rolledBack, ...rest } = found;
  const resources = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    environment: environment === undefined ? null : readSuspension(env, ENVIRONMENT, environment),
    rolledBack: rolledBack === undefined ? null : readRolledBack(env, rolledBack),
    resources: new Map(
      resources.map(([name, text]) => [readAddress(env, name), readSuspension(env, name, text)] as const),
    ),
  };
}

/** `address` null: the whole environment. A second suspension replaces the first one's words. */
export async function suspend(
  redis: Redis,
  env: string,
  address: Address | null,
  suspension: Suspension,
): Promise<void> {
  await ask(redis, () => redis.hset(environmentKeys(env).holds, address ?? ENVIRONMENT, JSON.stringify(suspension)));
}

/** Answers what was lifted; nothing where nothing held. The whole environment: also what a rollback left behind. */
export async function resume(redis: Redis, env: string, address: Address | null): Promise<readonly string[]> {
  const names = address === null ? [ENVIRONMENT, ROLLED_BACK] : [address];
  const { holds } = environmentKeys(env);
  const lifted: string[] = [];
  for (const name of names) if ((await ask(redis, () => redis.hdel(holds, name))) === 1) lifted.push(name);
  return lifted;
}

function readSuspension(env: string, name: string, text: string): Suspension {
  const what = `the suspension of ${name} in environment ${env}`;
  const { by, since, reason } = objectOf(what, jsonOf(what, text));
  return { by: textOf(what, by), since: textOf(what, since), reason: textOf(what, reason) };
}

function readRolledBack(env: string, text: string): RolledBack {
  const what = `the hold of a rollback in environment ${env}`;
  const { to, serial, by, since, against } = objectOf(what, jsonOf(what, text));
  return {
    to: numberOf(what, to),
    serial: numberOf(what, serial),
    by: textOf(what, by),
    since: textOf(what, since),
    against: against === null ? null : textOf(what, against),
  };
}

function readAddress(env: string, name: string): Address {
  if (parseAddress(name) === undefined) throw corrupt(`the holds of environment ${env}`, `\`${name}\` is no address`);
  return name as Address;
}
