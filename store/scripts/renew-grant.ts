// One renewal of a login at a time, and the newest refresh token kept by comparison: an authorization server that gives a new
// one with each use takes the old one for stolen where two runners use it.
import type { Redis } from "../connect.ts";
import { renewalKeys } from "../renewal-keys.ts";
import { corrupt, listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 renewal · 2 who renews
 * ARGV  1 holder · 2 for how many milliseconds it may take
 * Answers {'begun', number, box} with 0 and '' where nothing was renewed yet, or {'busy', milliseconds until it lapses}.
 */
const BEGIN = defineScript(`
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return { 'busy', redis.call('PTTL', KEYS[2]) } end
local kept = redis.call('HMGET', KEYS[1], 'number', 'box')
return { 'begun', tonumber(kept[1] or '0'), kept[2] or '' }
`);

/**
 * KEYS  1 renewal · 2 who renews
 * ARGV  1 holder · 2 the number that it began with · 3 the box of the next number, or '' · 4 for how long that is kept, in ms
 * Answers {'kept'} or {'moved'}: somebody else has renewed since, and theirs stands.
 * Invariant: the number grows by one with each box. Who renews is compared with for the end only: one that slept past its
 * time, and that nobody overtook, holds the only token that is still good.
 */
const END = defineScript(`
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
if ARGV[3] == '' then return { 'kept' } end
if tonumber(redis.call('HGET', KEYS[1], 'number') or '0') ~= tonumber(ARGV[2]) then return { 'moved' } end
redis.call('HSET', KEYS[1], 'number', ARGV[2] + 1, 'box', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return { 'kept' }
`);

export type Begun =
  /** `number` 0: the grant's own token is the newest. */
  | { readonly outcome: "begun"; readonly number: number; readonly box: string }
  | { readonly outcome: "busy"; readonly remainingMs: number };

const WHAT = "a renewed grant";

export async function beginRenewal(
  redis: Redis,
  place: { readonly env: string; readonly id: string },
  holder: string,
  ttlMs: number,
): Promise<Begun> {
  const { renewal, renewing } = renewalKeys(place.env, place.id);
  const answer = listOf(WHAT, await runScript(redis, BEGIN, [renewal, renewing], [holder, ttlMs]));
  if (answer[0] === "busy") return { outcome: "busy", remainingMs: numberOf(WHAT, answer[1]) };
  return { outcome: "begun", number: numberOf(WHAT, answer[1]), box: textOf(WHAT, answer[2]) };
}

export async function endRenewal(
  redis: Redis,
  place: { readonly env: string; readonly id: string },
  holder: string,
  next: { readonly after: number; readonly box: string; readonly keptMs: number },
): Promise<"kept" | "moved"> {
  const { renewal, renewing } = renewalKeys(place.env, place.id);
  const args = [holder, next.after, next.box, next.keptMs];
  const [answer] = listOf(WHAT, await runScript(redis, END, [renewal, renewing], args));
  if (answer === "kept" || answer === "moved") return answer;
  throw corrupt(WHAT, "its script answered otherwise");
}
