// Puts a token's record under another seal, where it is still the one that was read: one that was revoked meanwhile stays so.
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 tokens
 * ARGV  1 name · 2 the record that was read · 3 the same under another seal
 * Answers 1, or 0: it is not there any more, or another.
 */
const RESEAL = defineScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
`);

export async function resealToken(
  redis: Redis,
  env: string,
  { name, before, after }: { readonly name: string; readonly before: string; readonly after: string },
): Promise<boolean> {
  return (await runScript(redis, RESEAL, [environmentKeys(env).tokens], [name, before, after])) === 1;
}
