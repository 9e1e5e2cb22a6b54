// Stages sealed records beside the state, for one script to switch to. What a crash leaves behind goes away by itself.
import type { StateRecord } from "../contracts/record.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { type RecordSealing, sealOf, sealRecord } from "./sealed-record.ts";

/** Long enough for the largest set. */
export const STAGING_MS = 600_000;
/** In chunks, so that no command of a large set holds Redis up for long. */
const STAGING_CHUNK = 500;

/** Answers the seals of the staged records, by address. */
export async function stageRecords(
  redis: Redis,
  key: string,
  records: readonly StateRecord[],
  sealing: RecordSealing,
): Promise<ReadonlyMap<string, string>> {
  const seals = new Map<string, string>();
  for (let first = 0; first < records.length; first += STAGING_CHUNK) {
    const chunk = records.slice(first, first + STAGING_CHUNK);
    const fields = chunk.flatMap((record) => {
      const text = sealRecord(record, sealing);
      seals.set(record.address, sealOf(text));
      return [record.address, text];
    });
    await ask(redis, () =>
      redis
        .multi()
        .hset(key, ...fields)
        .pexpire(key, STAGING_MS)
        .exec(),
    );
  }
  return seals;
}
