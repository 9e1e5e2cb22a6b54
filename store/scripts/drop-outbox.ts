// Drops entries of the outbox, unless they were replaced since they were read.
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 outbox · 2 order
 * ARGV  number and subject of each entry
 */
const DROP = defineScript(`
for index = 1, #ARGV, 2 do
  local entry = redis.call('HGET', KEYS[1], ARGV[index + 1])
  if entry and string.match(entry, '^%d+') == ARGV[index] then
    redis.call('HDEL', KEYS[1], ARGV[index + 1])
    redis.call('ZREM', KEYS[2], ARGV[index + 1])
  end
end
return 1
`);

export async function dropEntries(
  redis: Redis,
  env: string,
  entries: readonly (readonly [string, string])[],
): Promise<void> {
  const keys = environmentKeys(env);
  await runScript(redis, DROP, [keys.outbox, keys.outboxOrder], entries.flat());
}
