// Claims a delivery to a webhook: the first one of an event gets the name of a task, every later one is told that name.
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { corrupt, listOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 the delivery · 2 pending deliveries
 * ARGV  1 field among the pending · 2 what the delivery became, as JSON · 3 for how many milliseconds it is remembered ·
 *       4 everything that its task is made of, as JSON · 5 how many may be pending
 * Answers {'claimed'}, {'known', what it became, what it is made of or ''} or {'full'}.
 * Invariant: what was claimed stays pending until its task is there, so whoever comes next can make it.
 */
const CLAIM = defineScript(`
local known = redis.call('GET', KEYS[1])
if known then return { 'known', known, redis.call('HGET', KEYS[2], ARGV[1]) or '' } end
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) then return { 'full' } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
return { 'claimed' }
`);

export interface ClaimRequest {
  /** Of the delivery. */
  readonly key: string;
  /** Among the pending. */
  readonly field: string;
  readonly became: string;
  readonly rememberMs: number;
  readonly madeOf: string;
  readonly maxPending: number;
}

export type ClaimAnswer =
  | { readonly outcome: "claimed" }
  /** `madeOf` empty: its task is there. */
  | { readonly outcome: "known"; readonly became: string; readonly madeOf: string }
  | { readonly outcome: "full" };

export async function claimKeys(redis: Redis, env: string, request: ClaimRequest): Promise<ClaimAnswer> {
  const { key, field, became, rememberMs, madeOf, maxPending } = request;
  const keys = [key, environmentKeys(env).pendingDeliveries];
  const what = `the answer to the claim of ${field}`;
  const answer = listOf(what, await runScript(redis, CLAIM, keys, [field, became, rememberMs, madeOf, maxPending]));
  switch (answer[0]) {
    case "claimed":
    case "full":
      return { outcome: answer[0] };
    case "known":
      return { outcome: "known", became: textOf(what, answer[1]), madeOf: textOf(what, answer[2]) };
    default:
      throw corrupt(what, `\`${String(answer[0])}\` is unknown`);
  }
}
