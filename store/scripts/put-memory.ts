// Writes entries of a memory, all of them or none.
import type { Redis } from "../connect.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 entries
 * ARGV  1 how many entries there may be · field and text of each
 * Answers 'written' or 'full'. Invariant: never more entries than ARGV[1].
 */
const PUT = defineScript(`
local fresh = 0
for index = 2, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[index]) == 0 then fresh = fresh + 1 end
end
if redis.call('HLEN', KEYS[1]) + fresh > tonumber(ARGV[1]) then return 'full' end
for index = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
return 'written'
`);

export async function putMemory(
  redis: Redis,
  hash: string,
  fields: readonly string[],
  maxEntries: number,
): Promise<"written" | "full"> {
  const answer = await runScript(redis, PUT, [hash], [maxEntries, ...fields]);
  if (answer === "written" || answer === "full") return answer;
  throw corrupt("the answer to a memory's write", `\`${String(answer)}\` is unknown`);
}
