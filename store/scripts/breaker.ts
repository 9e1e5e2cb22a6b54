// The breaker of a model endpoint: whether it may be asked now, and what came of asking. All runners see the same one.
import type { Redis } from "../connect.ts";
import type { BreakerKeys } from "../keys.ts";
import { corrupt, listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { NOW } from "./lua.ts";

/**
 * `open_for(key)`: {'open', ms until it may be asked, failures, code, message of the last failure}. While a probe is under
 * way nobody knows how long it takes: others ask again after at most `longest_look`.
 */
const OPEN = `${NOW}
local longest_look = 5000
local function open_for(key)
  local told = redis.call('HMGET', key, 'openUntil', 'probeUntil', 'failures', 'code', 'message')
  local probed = math.min(tonumber(told[2] or 0) - now, longest_look)
  return { 'open', math.max(tonumber(told[1]) - now, probed), tonumber(told[3] or 0), told[4] or '', told[5] or '' }
end
`;

/**
 * KEYS  1 breaker
 * ARGV  1 how long a probe may take, in ms
 * Answers {'closed', failures so far} · {'probe'}: ask, and the others wait for the answer · {'open', …}.
 * Invariant: after it was open, one caller at a time asks, until an answer closes or opens it.
 */
const ENTER = defineScript(`${OPEN}
local told = redis.call('HMGET', KEYS[1], 'openUntil', 'failures')
if not told[1] then return { 'closed', tonumber(told[2] or 0) } end
local open = open_for(KEYS[1])
if open[2] > 0 then return open end
redis.call('HSET', KEYS[1], 'probeUntil', string.format('%d', now + ARGV[1]))
return { 'probe' }
`);

/**
 * KEYS  1 breaker · 2 the environment's index of breakers that are not at rest
 * ARGV  1 'failed', 'alive' or 'none' · 2 '1' for a probe · 3 failures that open it · 4 window, 5 first and 6 longest time
 *       that it stays open, 7 time that the endpoint asked for, all in ms · 8 code and 9 message of the failure · 10 member of the index
 * Answers {'closed', failures so far} or {'open', …}.
 * Invariants: only failures in a row count, within one window. It doubles its time with each probe that fails. An answer
 * to a call that began before it opened changes nothing. Key and entry end by themselves when nobody asks any more.
 */
const LEAVE = defineScript(`${OPEN}
local key = KEYS[1]
local is_probe = ARGV[2] == '1'
local told = redis.call('HMGET', key, 'openUntil', 'opens', 'failures', 'since')
local longest = tonumber(ARGV[6])

local function open(opens)
  local length = math.min(longest, ARGV[5] * 2 ^ (opens - 1))
  length = math.max(length, math.min(longest, tonumber(ARGV[7])))
  redis.call('HSET', key, 'openUntil', string.format('%d', now + length), 'opens', opens)
  redis.call('HDEL', key, 'probeUntil')
end

if ARGV[1] == 'alive' and (is_probe or not told[1]) then
  redis.call('DEL', key)
  redis.call('ZREM', KEYS[2], ARGV[10])
elseif ARGV[1] == 'none' and is_probe then
  redis.call('HDEL', key, 'probeUntil')
elseif ARGV[1] == 'failed' and (is_probe or not told[1]) then
  local is_new = not told[4] or (not told[1] and now - told[4] > tonumber(ARGV[4]))
  local failures = is_new and 1 or told[3] + 1
  if is_new then redis.call('HSET', key, 'since', string.format('%d', now)) end
  redis.call('HSET', key, 'failures', failures, 'code', ARGV[8], 'message', ARGV[9], 'at', string.format('%d', now))
  if told[1] then open(told[2] + 1) elseif failures >= tonumber(ARGV[3]) then open(1) end
  local rest = 2 * longest + ARGV[4]
  redis.call('PEXPIRE', key, string.format('%d', rest))
  redis.call('ZADD', KEYS[2], string.format('%d', now + rest), ARGV[10])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%d', now))
  redis.call('PEXPIREAT', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2])
end
if redis.call('HEXISTS', key, 'openUntil') == 1 then return open_for(key) end
return { 'closed', tonumber(redis.call('HGET', key, 'failures') or 0) }
`);

export interface OpenBreaker {
  readonly state: "open";
  readonly remainingMs: number;
  readonly failures: number;
  /** Of the last failure. */
  readonly code: string;
  readonly message: string;
}

export type Closed = { readonly state: "closed"; readonly failures: number };

const WHAT = "a breaker";

export async function enterBreaker(
  redis: Redis,
  { breaker }: BreakerKeys,
  probeMs: number,
): Promise<Closed | { readonly state: "probe" } | OpenBreaker> {
  const answer = listOf(WHAT, await runScript(redis, ENTER, [breaker], [probeMs]));
  return answer[0] === "probe" ? { state: "probe" } : readStanding(answer);
}

export interface BreakerRules {
  /** Failures in a row that open it. */
  readonly failures: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly longestMs: number;
}

export type Verdict =
  | { readonly verdict: "failed"; readonly code: string; readonly message: string; readonly waitMs: number }
  | { readonly verdict: "alive" }
  /** The call says nothing of the endpoint: it was refused here, or given up. */
  | { readonly verdict: "none" };

export async function leaveBreaker(
  redis: Redis,
  { breaker, index, member }: BreakerKeys,
  rules: BreakerRules,
  left: Verdict & { readonly probe: boolean },
): Promise<Closed | OpenBreaker> {
  const { failures, windowMs, openMs, longestMs } = rules;
  const failed = left.verdict === "failed" ? [left.waitMs, left.code, left.message] : [0, "", ""];
  const args = [left.verdict, left.probe ? "1" : "", failures, windowMs, openMs, longestMs, ...failed, member];
  return readStanding(listOf(WHAT, await runScript(redis, LEAVE, [breaker, index], args)));
}

function readStanding([state, amount, failures, code, message]: readonly unknown[]): Closed | OpenBreaker {
  switch (state) {
    case "closed":
      return { state, failures: numberOf(WHAT, amount) };
    case "open": {
      const remainingMs = Math.max(0, numberOf(WHAT, amount));
      const last = { code: textOf(WHAT, code), message: textOf(WHAT, message) };
      return { state, remainingMs, failures: numberOf(WHAT, failures), ...last };
    }
    default:
      throw corrupt(WHAT, `\`${String(state)}\` is unknown`);
  }
}
