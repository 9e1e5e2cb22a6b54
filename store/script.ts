// Runs a Lua script by its hash, and sends its text where the server does not know it yet.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { ask, redisFailure } from "./ask.ts";

export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function defineScript(lua: string): Script {
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

/** What Redis answers is `unknown`: the script's wrapper narrows it. */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw redisFailure(redis, error);
    return ask(redis, () => redis.eval(script.lua, keys.length, ...keys, ...args));
  }
}
