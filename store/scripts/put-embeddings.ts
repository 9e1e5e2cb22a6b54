// Keeps vectors for whoever needs them again; the oldest go where there are too many.
import type { Redis } from "../connect.ts";
import { embeddingKeys } from "../memory-keys.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 embeddings · 2 when they were made
 * ARGV  1 how many there may be · digest and vector of each
 * Invariant: both keys name the same digests, never more than ARGV[1].
 */
const PUT = defineScript(`
local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
for index = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  redis.call('ZADD', KEYS[2], at, ARGV[index])
end
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
if over > 0 then
  for _, digest in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('HDEL', KEYS[1], digest)
    redis.call('ZREM', KEYS[2], digest)
  end
end
return 'kept'
`);

export async function putEmbeddings(
  redis: Redis,
  env: string,
  made: readonly (readonly [digest: string, vector: string])[],
  max: number,
): Promise<void> {
  const { embeddings, made: madeAt } = embeddingKeys(env);
  await runScript(redis, PUT, [embeddings, madeAt], [max, ...made.flat()]);
}
