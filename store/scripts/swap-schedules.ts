// Replaces memories of schedules and orders of applies, all at once, where each of them is still what the caller has read.
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { defineScript, runScript } from "../script.ts";

export interface Swap {
  readonly field: string;
  /** null: it must not be there. */
  readonly before: string | null;
  /** null: it goes. */
  readonly after: string | null;
}

/**
 * KEYS  1 schedules · 2 pending triggers
 * ARGV  1 as JSON: [which of the two, field, before or '', after or ''] …
 * Answers 1, or 0 where something is other than it was read: nothing was written, read again.
 */
const SWAP = defineScript(`
local swaps = cjson.decode(ARGV[1])
for _, swap in ipairs(swaps) do
  if (redis.call('HGET', KEYS[swap[1]], swap[2]) or '') ~= swap[3] then return 0 end
end
for _, swap in ipairs(swaps) do
  if swap[4] == '' then redis.call('HDEL', KEYS[swap[1]], swap[2])
  else redis.call('HSET', KEYS[swap[1]], swap[2], swap[4]) end
end
return 1
`);

export interface Swaps {
  readonly schedules: readonly Swap[];
  readonly intents: readonly Swap[];
}

/** Any number of reconcilers may try: of those that read the same, one writes. */
export async function swapSchedules(redis: Redis, env: string, { schedules, intents }: Swaps): Promise<boolean> {
  const keys = environmentKeys(env);
  const swaps = [...schedules.map((swap) => flat(1, swap)), ...intents.map((swap) => flat(2, swap))];
  if (swaps.length === 0) return true;
  return (await runScript(redis, SWAP, [keys.schedules, keys.pendingTriggers], [JSON.stringify(swaps)])) === 1;
}

function flat(which: 1 | 2, { field, before, after }: Swap): readonly (number | string)[] {
  return [which, field, before ?? "", after ?? ""];
}
