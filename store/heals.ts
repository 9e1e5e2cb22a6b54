// What was done to put drifted records back: so that a fight with another writer slows down instead of going on for ever.
import type { Address } from "../contracts/address.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface Heal {
  readonly address: Address;
  /** What was found there and put back; null: the record was gone. */
  readonly found: string | null;
  /** The commit that was in force. Another one makes this void. */
  readonly commit: string;
  readonly tries: number;
  readonly nextAt: string;
}

/** Those of one commit. */
export async function readHeals(redis: Redis, env: string, commit: string): Promise<readonly Heal[]> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).heals));
  return Object.entries(found)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([field, text]) => readHeal(field, text))
    .filter((heal) => heal.commit === commit);
}

/** Past this many nobody changes records by accident: the rest is noted no more, and so not healed again (see heal.ts). */
export const HEALS_KEPT = 1_000;

/** Replaces what was noted of the same records; drops what was noted under other commits. */
export async function noteHeals(redis: Redis, env: string, heals: readonly Heal[], commit: string): Promise<void> {
  if (heals.length === 0) return;
  const key = environmentKeys(env).heals;
  const kept = new Set((await readHeals(redis, env, commit)).map(fieldOf));
  const outdated = Object.keys(await ask(redis, () => redis.hgetall(key))).filter((field) => !kept.has(field));
  if (outdated.length > 0) await ask(redis, () => redis.hdel(key, ...outdated));
  await ask(redis, () => redis.hset(key, ...heals.flatMap((heal) => [fieldOf(heal), JSON.stringify(heal)])));
}

function fieldOf({ address, found }: Pick<Heal, "address" | "found">): string {
  return `${address} ${found ?? "gone"}`;
}

/** One that cannot be read is as good as none: the worst that follows is one heal more. */
function readHeal(field: string, text: unknown): Heal[] {
  const what = `the note of a heal of ${field}`;
  try {
    const { address, found, commit, tries, nextAt } = objectOf(what, jsonOf(what, text));
    const known = found === null ? null : textOf(what, found);
    const heal = {
      address: textOf(what, address) as Address,
      found: known,
      commit: textOf(what, commit),
      tries: numberOf(what, tries),
      nextAt: textOf(what, nextAt),
    };
    return fieldOf(heal) === field ? [heal] : [];
  } catch (error) {
    if (error instanceof PermanentFailure) return [];
    throw error;
  }
}
