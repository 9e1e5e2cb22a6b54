// Reads a whole environment as it is at one serial: verified as everything that is read here.

import type { Digest } from "../contracts/canonical.ts";
import type { EnvironmentCopy } from "../contracts/environment-copy.ts";
import { TransientFailure } from "../contracts/failure.ts";
import { readArchived } from "./archive.ts";
import { askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { readHistory } from "./history.ts";
import { readHolds } from "./holds.ts";
import { environmentKeys } from "./keys.ts";
import { STORE_LIMITS } from "./limits.ts";
import { listOf, objectOf, textOf } from "./reply.ts";
import { readHead, readState } from "./state.ts";

const TRIES = 3;

/** null: the environment has no state. Throws TransientFailure STATE_BUSY where applies keep coming in between. */
export async function readEnvironment(redis: Redis, env: string): Promise<EnvironmentCopy | null> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const copy = await readOnce(redis, env);
    const head = await readHead(redis, env);
    if (copy?.head.serial === head?.serial && copy?.head.lineage === head?.lineage) return copy;
  }
  throw new TransientFailure(
    "STATE_BUSY",
    `The state of environment ${env} keeps changing while it is read; try again`,
  );
}

async function readOnce(redis: Redis, env: string): Promise<EnvironmentCopy | null> {
  const { head, records } = await readState(redis, env);
  if (head === null) return null;
  const history = await readHistory(redis, env, 2 * STORE_LIMITS.keptApplies);
  // Only to refuse what nobody could read again.
  await readHolds(redis, env);
  const keys = environmentKeys(env);
  const [archived, plans, intents, ordered, holds, inventory] = await askAll(redis, () =>
    redis
      .multi()
      .zrange(keys.archived, "0", "-1", "WITHSCORES")
      .zrange(keys.plans, "0", "-1", "WITHSCORES")
      .hgetall(keys.intents)
      .hgetall(keys.pendingIntents)
      .hgetall(keys.holds)
      .hgetall(keys.inventory)
      .exec(),
  );
  const serials = scoresOf("the archive", archived);
  const kept = await readArchived(
    redis,
    { env, lineage: head.lineage },
    serials.map(([digest]) => digest as Digest),
  );
  return {
    head,
    records: [...records.values()],
    archived: serials.toSorted(byName).flatMap(([digest, serial]) => {
      const record = kept.get(digest as Digest);
      return record === undefined ? [] : [{ record, serial }];
    }),
    applies: history.map(({ sealed: _sealed, ...apply }) => apply).toReversed(),
    plans: scoresOf("the used plans", plans),
    intents: pairsOf("the intents", intents).map(([key, serial]) => [key, Number(serial)] as const),
    ordered: pairsOf("the pending intents", ordered),
    holds: pairsOf("the holds", holds),
    inventory: pairsOf("the inventory", inventory),
  };
}

type Pair<T> = readonly [string, T];

function byName([a]: Pair<unknown>, [b]: Pair<unknown>): number {
  return a < b ? -1 : 1;
}

function pairsOf(what: string, found: unknown): Pair<string>[] {
  return Object.entries(objectOf(what, found))
    .map(([name, value]) => [name, textOf(what, value)] as const)
    .toSorted(byName);
}

function scoresOf(what: string, found: unknown): Pair<number>[] {
  const flat = listOf(what, found).map((item) => textOf(what, item));
  return Array.from(
    { length: flat.length / 2 },
    (_, index) => [flat[2 * index] ?? "", Number(flat[2 * index + 1])] as const,
  );
}
