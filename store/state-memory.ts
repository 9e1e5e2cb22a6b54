// Remembers a state from one read to the next: what the applies since then wrote is read, the rest is known. Every so often
// everything is read and proved anew, because a record that was changed behind our back leaves no trace in the history.
import { type Address, isAddress } from "../contracts/address.ts";
import type { ObservedState, RecordMap } from "../contracts/record.ts";
import { askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { type HistoryEntry, readAppliesAfter } from "./history.ts";
import { environmentKeys } from "./keys.ts";
import { STORE_LIMITS } from "./limits.ts";
import { ProvenRecords } from "./proven-records.ts";
import { listOf, textOf } from "./reply.ts";
import { proveRecord, type RecordSealing } from "./sealed-record.ts";
import { readKeptHead, readState, sealingOf } from "./state.ts";

/** How long the unread records of a state are believed. */
export const STATE_MEMORY_MS = 300_000;

/** With more applies to catch up on, everything is read. */
const APPLIES = 100;

interface Remembered {
  readonly observed: ObservedState;
  readonly readAt: number;
}

export class StateMemory {
  private readonly redis: Redis;
  private readonly env: string;
  private readonly now: () => Date;
  private last: Remembered | undefined;

  constructor(redis: Redis, env: string, now: () => Date) {
    this.redis = redis;
    this.env = env;
    this.now = now;
  }

  /** As readState, and failing like it. */
  async read(): Promise<ObservedState> {
    const { last } = this;
    this.last = undefined;
    const at = this.now().getTime();
    const isFresh = last !== undefined && at >= last.readAt && at - last.readAt < STATE_MEMORY_MS;
    const caughtUp = isFresh ? await catchUp(this.redis, this.env, last.observed) : undefined;
    const observed = caughtUp ?? (await readState(this.redis, this.env));
    this.last = { observed, readAt: caughtUp === undefined ? at : (last?.readAt ?? at) };
    return observed;
  }

  /** Whoever was told that a record is not what it was read as reads everything anew. */
  forget(): void {
    this.last = undefined;
  }
}

/** undefined: read everything. */
async function catchUp(redis: Redis, env: string, known: ObservedState): Promise<ObservedState | undefined> {
  // With a state key the head proves the whole set, and what is proved must be there.
  const sealing = sealingOf(redis, env);
  if (known.head === null || sealing.key !== undefined || !(known.records instanceof ProvenRecords)) return undefined;
  const head = (await readKeptHead(redis, sealing))?.head;
  if (head === undefined || head.lineage !== known.head.lineage || head.serial < known.head.serial) return undefined;
  const applies = head.serial === known.head.serial ? [] : await readAppliesAfter(redis, env, known.head.serial);
  const touched = touchedBy(applies, head.serial - known.head.serial);
  if (touched === undefined) return undefined;
  const records = await reread(redis, known.records, touched, { ...sealing, lineage: head.lineage });
  // An apply in between would make a state of two moments.
  const again = (await readKeptHead(redis, sealing))?.head;
  const isOneMoment = again?.serial === head.serial && again.lineage === head.lineage;
  return records !== undefined && isOneMoment ? { head, records } : undefined;
}

/** The addresses that these applies wrote or pruned; undefined where an apply does not tell, or is not kept. */
function touchedBy(applies: readonly HistoryEntry[], expected: number): ReadonlySet<Address> | undefined {
  if (applies.length !== expected || expected > APPLIES) return undefined;
  if (applies.some(({ written }) => written === null)) return undefined;
  const touched = applies.flatMap(({ written }) => written ?? []).filter(isAddress);
  return touched.length > STORE_LIMITS.toldRecords ? undefined : new Set(touched);
}

/** The known records with the touched ones as they are now; undefined where their number does not come out. */
async function reread(
  redis: Redis,
  known: ProvenRecords,
  touched: ReadonlySet<Address>,
  sealing: RecordSealing,
): Promise<RecordMap | undefined> {
  const { records: key } = environmentKeys(sealing.env);
  const addresses = [...touched];
  const [count, texts = []] = await askAll(redis, () => {
    const commands = redis.multi().hlen(key);
    return (addresses.length === 0 ? commands : commands.hmget(key, ...addresses)).exec();
  });
  const fresh = new Map<Address, string>();
  for (const [index, value] of listOf(`the records of environment ${sealing.env}`, texts).entries()) {
    const address = addresses[index];
    if (address === undefined || value === null) continue;
    const text = textOf(`the record of ${address}`, value);
    fresh.set(proveRecord(address, text, sealing), text);
  }
  const records = addresses.length === 0 ? known : known.replace(addresses, fresh);
  return records.size === count ? records : undefined;
}
