// What people told the reconciler to leave alone. Read at every look; an apply that is under way asks once more.
import { type Address, parseAddress } from "../contracts/address.ts";
import type { AcceptedHistory, HeldHistory, RolledBack, Suspension } from "../contracts/holds.ts";
import { ask } from "./ask.ts";
import { appendAudit } from "./audit-log.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

const ENVIRONMENT = "environment";
const ROLLED_BACK = "rolled-back";
const HELD_HISTORY = "history-held";
const ACCEPTED_HISTORY = "history-accepted";

export interface Holds {
  readonly environment: Suspension | null;
  readonly rolledBack: RolledBack | null;
  readonly resources: ReadonlyMap<Address, Suspension>;
  /** By `namespace/<name>`. The gate lets nothing of them begin; applies go on. */
  readonly namespaces: ReadonlyMap<string, Suspension>;
  readonly heldHistory: HeldHistory | null;
  readonly acceptedHistory: AcceptedHistory | null;
}

/** A hold that cannot be read still holds: STATE_CORRUPT stops whoever asked. */
export async function readHolds(redis: Redis, env: string): Promise<Holds> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).holds));
  const { [ENVIRONMENT]: environment, [ROLLED_BACK]: rolledBack, ...others } = found;
  const { [HELD_HISTORY]: held, [ACCEPTED_HISTORY]: accepted, ...rest } = others;
  const suspended = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const resources = suspended.filter(([name]) => !isNamespaceHold(name));
  const namespaces = suspended.filter(([name]) => isNamespaceHold(name));
  return {
    environment: environment === undefined ? null : readSuspension(env, ENVIRONMENT, environment),
    rolledBack: rolledBack === undefined ? null : readRolledBack(env, rolledBack),
    heldHistory: held === undefined ? null : readRewritten(env, held),
    acceptedHistory: accepted === undefined ? null : readAccepted(env, accepted),
    resources: new Map(
      resources.map(([name, text]) => [readAddress(env, name), readSuspension(env, name, text)] as const),
    ),
    namespaces: new Map(namespaces.map(([name, text]) => [name, readSuspension(env, name, text)] as const)),
  };
}

const NAMESPACE = "namespace/";

/** A whole namespace, as it is held. No kind has this name, so that no address can be meant. */
type NamespaceHold = `namespace/${string}`;

export function namespaceHold(namespace: string): NamespaceHold {
  return `${NAMESPACE}${namespace}`;
}

function isNamespaceHold(name: string): boolean {
  return name.startsWith(NAMESPACE);
}

/** What can be suspended besides the whole environment. */
export type Suspended = Address | NamespaceHold;

/** `address` null: the whole environment. A second suspension replaces the first one's words. */
export async function suspend(
  redis: Redis,
  env: string,
  address: Suspended | null,
  suspension: Suspension,
): Promise<void> {
  const field = address ?? ENVIRONMENT;
  const facts = { kind: "suspended" as const, what: field, ...suspension };
  const change = { of: "holds" as const, op: "HSET" as const, field, value: JSON.stringify(suspension) };
  await appendAudit(redis, env, [{ facts }], { change });
}

/** Whoever says so, and when. */
export type Word = Pick<Suspension, "by" | "since">;

/**
 * Answers what was lifted; nothing where nothing held. The whole environment: also what a rollback left behind, and a
 * rewritten branch that is held back, which counts as accepted from here on.
 */
export async function resume(
  redis: Redis,
  env: string,
  address: Suspended | null,
  word: Word,
): Promise<readonly string[]> {
  const names = address === null ? [ENVIRONMENT, ROLLED_BACK] : [address];
  const lifted: string[] = [];
  for (const name of names) if (await lift(redis, env, name, word)) lifted.push(name);
  const accepted = address === null && (await acceptHistory(redis, env, word));
  return accepted ? [...lifted, ACCEPTED_HISTORY] : lifted;
}

async function lift(redis: Redis, env: string, name: string, { by, since }: Word): Promise<boolean> {
  const facts = { kind: "resumed" as const, what: name, by, since };
  return await appendAudit(redis, env, [{ facts }], { change: { of: "holds", op: "HDEL", field: name } });
}

async function acceptHistory(redis: Redis, env: string, word: Word): Promise<boolean> {
  const { heldHistory } = await readHolds(redis, env);
  if (heldHistory === null) return false;
  const accepted: AcceptedHistory = { ...heldHistory, ...word };
  const { holds } = environmentKeys(env);
  const fields = [ACCEPTED_HISTORY, JSON.stringify(accepted)] as const;
  await ask(redis, () =>
    redis
      .multi()
      .hset(holds, ...fields)
      .hdel(holds, HELD_HISTORY)
      .exec(),
  );
  return true;
}

/** For `resume`: what the reconciler holds back, and told; null where it holds none any more. */
export async function noteHeldHistory(redis: Redis, env: string, held: HeldHistory | null): Promise<void> {
  const { holds } = environmentKeys(env);
  await ask(redis, () =>
    held === null ? redis.hdel(holds, HELD_HISTORY) : redis.hset(holds, HELD_HISTORY, JSON.stringify(held)),
  );
}

function readSuspension(env: string, name: string, text: string): Suspension {
  const what = `the suspension of ${name} in environment ${env}`;
  const { by, since, reason } = objectOf(what, jsonOf(what, text));
  return { by: textOf(what, by), since: textOf(what, since), reason: textOf(what, reason) };
}

function readRewritten(env: string, text: string): HeldHistory {
  const what = `the rewritten branch of environment ${env}`;
  const { history, from, to, since } = objectOf(what, jsonOf(what, text));
  if (history !== "forced" && history !== "unrelated") throw corrupt(what, "it is no rewritten history");
  return { history, from: textOf(what, from), to: textOf(what, to), since: textOf(what, since) };
}

function readAccepted(env: string, text: string): AcceptedHistory {
  const what = `the accepted history of environment ${env}`;
  return { ...readRewritten(env, text), by: textOf(what, objectOf(what, jsonOf(what, text))["by"]) };
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
