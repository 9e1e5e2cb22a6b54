// What a plan against the state needs of Redis, read while the source is read: both wait for others most of the time.
import type { ObservedState } from "../contracts/record.ts";
import { type Holds, readHolds } from "../store/holds.ts";
import { compareRecords, type RecordComparison } from "../store/scripts/compare-records.ts";
import { compareInventory, readInventory } from "../store/scripts/read-inventory.ts";
import { readState } from "../store/state.ts";
import type { Host } from "./host.ts";
import { type OpenRedis, openRedis, type RedisFlags } from "./redis.ts";

export interface StateReading {
  /** Open, and whoever asked closes it. */
  readonly server: OpenRedis;
  readonly observed: ObservedState;
  readonly holds: Holds;
  readonly comparison: RecordComparison;
}

/**
 * Answers as soon as the server does, or does not: connecting has short deadlines, and what else goes on in this process
 * could make it miss them. A failure, of the server as of the state, is told by whoever awaits `state`.
 */
export async function beginReading(
  host: Host,
  flags: RedisFlags & { readonly env: string },
): Promise<{ readonly state: Promise<StateReading> }> {
  const opened = openRedis(host, flags);
  const state = opened.then((server) => readBeside(server, flags.env));
  await Promise.allSettled([opened]);
  state.catch(() => undefined);
  return { state };
}

/** Of several failures the state's own is the one that is told. */
async function readBeside(server: OpenRedis, env: string): Promise<StateReading> {
  const { redis, connectAnother, close } = server;
  try {
    // On a connection of its own, it does not wait behind the records, of which there may be megabytes.
    const [inventory, records] = [readInventory(connectAnother("command"), env), readState(redis, env)];
    const holding = readHolds(redis, env);
    await Promise.allSettled([records, holding, inventory]);
    const [observed, holds] = [await records, await holding];
    const comparison = compareInventory(env, await inventory, observed) ?? (await compareRecords(redis, env));
    return { server, observed, holds, comparison };
  } catch (error) {
    await close();
    throw error;
  }
}
