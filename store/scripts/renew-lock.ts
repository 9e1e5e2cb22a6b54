// Renews or gives back a fenced lock: both only for the grant that holds it. A lapsed lock is never revived.
import type { Redis } from "../connect.ts";
import { defineScript, runScript } from "../script.ts";
import { NOW } from "./lua.ts";

/**
 * KEYS  1 lock
 * ARGV  1 holder · 2 token · 3 ttl in ms; 0 gives the lock back
 * Answers 1, or 0 where the lock has lapsed or belongs to another grant.
 */
const RENEW = defineScript(`${NOW}
local held = redis.call('HMGET', KEYS[1], 'holder', 'token', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or tonumber(held[3]) <= now then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%d', now + ARGV[3]))
return 1
`);

export interface LockGrantRef {
  readonly key: string;
  readonly holder: string;
  readonly token: number;
}

/** False: lost. */
export async function renewLock(redis: Redis, { key, holder, token }: LockGrantRef, ttlMs: number): Promise<boolean> {
  return (await runScript(redis, RENEW, [key], [holder, token, ttlMs])) === 1;
}

export async function releaseLock(redis: Redis, grant: LockGrantRef): Promise<void> {
  await renewLock(redis, grant, 0);
}
