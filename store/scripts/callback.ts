// The scripts of calls whose answers come later: begun by a runner, answered through whichever process is asked, once.
import type { Redis } from "../connect.ts";
import { callbackKey } from "../keys.ts";
import { corrupt, listOf, numberOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/** `redis.call('TIME')` in milliseconds: one clock for runners and for those who hear answers. */
const NOW = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)`;

/**
 * KEYS  1 the call
 * ARGV  1 for how many milliseconds it may be answered · 2 how long it is remembered after that · 3 digest of a token with which
 *       it may be answered, or '' · 4 what is known of it, as JSON
 * Answers {'begun', milliseconds left} or {'found', 'open' or 'accepted', milliseconds left}.
 * Invariant: a call that was given up, or whose time is over, begins anew, and no token of before answers it.
 */
const BEGIN = defineScript(`${NOW}
local found = redis.call('HMGET', KEYS[1], 'state', 'until')
local is_alive = (found[1] == 'open' or found[1] == 'accepted') and tonumber(found[2]) > now
if not is_alive then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'state', 'open', 'until', string.format('%d', now + ARGV[1]), 'facts', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[1] + ARGV[2])
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'token:' .. ARGV[3], '1') end
if is_alive then return { 'found', found[1], found[2] - now } end
return { 'begun', ARGV[1] }
`);

/**
 * KEYS  1 the call
 * ARGV  1 the state that it is to have · 2 the states that it may have now, in one text · 3 for how long it is remembered from
 *       now on, or ''
 * Answers {'ok'}.
 */
const MOVE = defineScript(`
local state = redis.call('HGET', KEYS[1], 'state')
if not state or not string.find(ARGV[2], state, 1, true) then return { 'ok' } end
redis.call('HSET', KEYS[1], 'state', ARGV[1])
if ARGV[3] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return { 'ok' }
`);

/**
 * KEYS  1 the call
 * ARGV  1 digest of the token that came with the answer · 2 the answer · 3 its digest
 * Answers {'unknown'}, {'over'}, {'taken'}, {'duplicate'} or {'other'}.
 * Invariant: the first answer that comes in time stays.
 */
const ANSWER = defineScript(`${NOW}
if redis.call('HEXISTS', KEYS[1], 'token:' .. ARGV[1]) == 0 then return { 'unknown' } end
local found = redis.call('HMGET', KEYS[1], 'state', 'until', 'digest')
if found[1] == 'answered' then return { found[3] == ARGV[3] and 'duplicate' or 'other' } end
if found[1] == 'closed' or tonumber(found[2]) <= now then return { 'over' } end
redis.call('HSET', KEYS[1], 'state', 'answered', 'answer', ARGV[2], 'digest', ARGV[3])
return { 'taken' }
`);

export interface BeginRequest {
  readonly request: string;
  readonly timeoutMs: number;
  readonly keepMs: number;
  readonly tokenDigest: string | undefined;
  readonly facts: string;
}

export type Begun =
  | { readonly outcome: "begun"; readonly leftMs: number }
  | { readonly outcome: "found"; readonly state: "open" | "accepted"; readonly leftMs: number };

export async function beginCallback(redis: Redis, env: string, asked: BeginRequest): Promise<Begun> {
  const { request, timeoutMs, keepMs, tokenDigest = "", facts } = asked;
  const what = `the call ${request}`;
  const keys = [callbackKey(env, request)];
  const answer = listOf(what, await runScript(redis, BEGIN, keys, [timeoutMs, keepMs, tokenDigest, facts]));
  if (answer[0] === "begun") return { outcome: "begun", leftMs: numberOf(what, answer[1]) };
  const state = answer[1];
  if (state !== "open" && state !== "accepted") throw corrupt(what, `\`${String(state)}\` is no state of it`);
  return { outcome: "found", state, leftMs: numberOf(what, answer[2]) };
}

/** Whoever was called has taken it. */
export async function acceptCallback(redis: Redis, env: string, request: string): Promise<void> {
  await runScript(redis, MOVE, [callbackKey(env, request)], ["accepted", "open", ""]);
}

/** Nobody waits for it any more. One that was answered stays answered. */
export async function closeCallback(redis: Redis, env: string, request: string, keepMs: number): Promise<void> {
  await runScript(redis, MOVE, [callbackKey(env, request)], ["closed", "open accepted", keepMs]);
}

/** As it was answered it failed: a further try begins anew. */
export async function dropCallback(redis: Redis, env: string, request: string, keepMs: number): Promise<void> {
  await runScript(redis, MOVE, [callbackKey(env, request)], ["closed", "open accepted answered", keepMs]);
}

export interface CallbackAnswer {
  readonly request: string;
  readonly tokenDigest: string;
  readonly text: string;
  readonly digest: string;
}

/**
 * `unknown`: no call has this token · `over`: its time is, or nobody waits any more · `duplicate`: the same answer was taken
 * before · `other`: another one was.
 */
export type CallbackOutcome = "unknown" | "over" | "taken" | "duplicate" | "other";

export async function answerCallback(redis: Redis, env: string, given: CallbackAnswer): Promise<CallbackOutcome> {
  const what = `the answer to the call ${given.request}`;
  const args = [given.tokenDigest, given.text, given.digest];
  const [outcome] = listOf(what, await runScript(redis, ANSWER, [callbackKey(env, given.request)], args));
  switch (outcome) {
    case "unknown":
    case "over":
    case "taken":
    case "duplicate":
    case "other":
      return outcome;
    default:
      throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  }
}
