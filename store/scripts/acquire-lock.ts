// Takes a fenced lock, if nobody holds it: the writer's lock of an environment, or the lead of its replicas.
import type { Redis } from "../connect.ts";
import { listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { NOW } from "./lua.ts";

/**
 * KEYS  1 lock
 * ARGV  1 holder · 2 ttl in ms
 * Answers {'acquired', token} or {'held', holder, ms until it lapses}. The token grows with every grant and is never
 * reset, so that a writer that lost the lock can be told from its successor.
 */
const ACQUIRE = defineScript(`${NOW}
local held = redis.call('HMGET', KEYS[1], 'holder', 'until')
if held[1] and tonumber(held[2]) > now then return { 'held', held[1], tonumber(held[2]) - now } end
local token = redis.call('HINCRBY', KEYS[1], 'token', 1)
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', string.format('%d', now + ARGV[2]))
return { 'acquired', token }
`);

export type LockGrant =
  | { readonly outcome: "acquired"; readonly token: number }
  | { readonly outcome: "held"; readonly holder: string; readonly remainingMs: number };

/** Which lock: its key, and what it is called where it cannot be read. */
export interface LockPlace {
  readonly key: string;
  readonly what: string;
}

export async function acquireLock(redis: Redis, place: LockPlace, holder: string, ttlMs: number): Promise<LockGrant> {
  const { key, what } = place;
  const answer = listOf(what, await runScript(redis, ACQUIRE, [key], [holder, ttlMs]));
  if (answer[0] === "acquired") return { outcome: "acquired", token: numberOf(what, answer[1]) };
  return { outcome: "held", holder: textOf(what, answer[1]), remainingMs: numberOf(what, answer[2]) };
}
