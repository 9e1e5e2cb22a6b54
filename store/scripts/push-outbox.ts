// Puts an entry into the outbox, in the place of an earlier one on the same subject, and takes what it tells of out of an
// index where that is what it waited for.
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 outbox · 2 order · 3 counter · of a task that ended: 4 the live index · 5 ends that the audit log is to tell
 * ARGV  1 subject · 2 entry · 3 how many subjects are kept · 4 the member that leaves the index · 5 where it still has this
 *       score there
 * The value is `<number> <entry>`, the number from the counter: it tells the entry from the one that it replaced, and one
 * end of a task from the next.
 */
const PUSH = defineScript(`
local number = string.format('%d', redis.call('INCR', KEYS[3]))
redis.call('HSET', KEYS[1], ARGV[1], number .. ' ' .. ARGV[2])
redis.call('ZADD', KEYS[2], number, ARGV[1])
local excess = redis.call('ZCARD', KEYS[2]) - ARGV[3]
if excess > 0 then
  for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, excess - 1)) do redis.call('HDEL', KEYS[1], oldest) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, excess - 1)
end
if KEYS[4] then
  if redis.call('ZSCORE', KEYS[4], ARGV[4]) == ARGV[5] then redis.call('ZREM', KEYS[4], ARGV[4]) end
  redis.call('HSET', KEYS[5], ARGV[4], number)
end
return 1
`);

/** Beyond `kept` subjects the oldest fall out. */
export async function pushEntry(
  redis: Redis,
  env: string,
  [subject, entry]: readonly [string, string],
  kept: number,
): Promise<void> {
  const keys = environmentKeys(env);
  await runScript(redis, PUSH, [keys.outbox, keys.outboxOrder, keys.outboxCounter], [subject, entry, kept]);
}

/**
 * The same; its end is noted for the audit log, and the task leaves the live index, unless it was put there anew: its
 * score is another than `score` then.
 */
export async function pushEnd(
  redis: Redis,
  env: string,
  [subject, entry, member, score]: readonly [string, string, string, string],
  kept: number,
): Promise<void> {
  const { outbox, outboxOrder, outboxCounter, live, auditPending } = environmentKeys(env);
  const keys = [outbox, outboxOrder, outboxCounter, live, auditPending];
  await runScript(redis, PUSH, keys, [subject, entry, kept, member, score]);
}
