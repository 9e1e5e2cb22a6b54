// Marks of snapshots: when each was last needed, by Redis' own clock, and the drop of one whose mark is old.
import type { Redis } from "../connect.ts";
import { environmentKeys, snapshotKey } from "../keys.ts";
import { numberOf, textsOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { NOW } from "./lua.ts";

/**
 * KEYS  1 marks
 * ARGV  digests
 * Answers the time of the marks in ms.
 */
const MARK = defineScript(`${NOW}
for _, digest in ipairs(ARGV) do redis.call('ZADD', KEYS[1], string.format('%d', now), digest) end
return string.format('%d', now)
`);

/** Answers the time of the marks, in ms; also where there is nothing to mark. */
export async function markSnapshots(redis: Redis, env: string, digests: readonly string[]): Promise<number> {
  const answer = await runScript(redis, MARK, [environmentKeys(env).snapshots], digests);
  return numberOf(`the time of snapshots of ${env}`, answer);
}

/**
 * KEYS  1 marks · 2… snapshots
 * ARGV  1 marks before this are old · the digests of the snapshots, in their order
 * Answers the digests of those that it dropped. Invariant: one that was marked since is kept, whatever the caller read.
 */
const DROP = defineScript(`
local dropped = {}
for index = 2, #KEYS do
  local digest = ARGV[index]
  local mark = redis.call('ZSCORE', KEYS[1], digest)
  if mark and tonumber(mark) < tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[index])
    redis.call('ZREM', KEYS[1], digest)
    dropped[#dropped + 1] = digest
  end
end
return dropped
`);

/** Those of them whose mark is older than `beforeMs`. Answers which it dropped. */
export async function dropUnmarked(
  redis: Redis,
  env: string,
  digests: readonly string[],
  beforeMs: number,
): Promise<readonly string[]> {
  const keys = [environmentKeys(env).snapshots, ...digests.map((digest) => snapshotKey(env, digest))];
  return textsOf("the dropped snapshots", await runScript(redis, DROP, keys, [beforeMs, ...digests]));
}
