// Seals the API tokens of an environment with the first state key: those of a time without one, or with another known key.
import { ask } from "../ask.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { resealToken } from "../scripts/reseal-token.ts";
import { sealingOf } from "../state.ts";
import { openToken, sealToken } from "./sealed-token.ts";

/** Answers their names. What is there is believed once more: whoever calls shows them, so that a stranger's is seen. */
export async function sealTokens(redis: Redis, env: string): Promise<string[]> {
  const sealing = sealingOf(redis, env);
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).tokens));
  const sealed: string[] = [];
  for (const [name, before] of Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const after = sealToken(sealing, openToken({ ...sealing, believesUnsealed: true }, name, before));
    if (await resealToken(redis, env, { name, before, after })) sealed.push(name);
  }
  return sealed;
}
