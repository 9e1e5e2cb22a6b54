// Everything that a Redis holds, as text: for tests that something is nowhere in it.
import type { Redis } from "../store/connect.ts";

export async function dumpRedis(redis: Redis): Promise<string> {
  const texts: string[] = [];
  for (const key of await redis.keys("*")) texts.push(key, JSON.stringify(await readKey(redis, key)));
  return texts.join("\n");
}

async function readKey(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case "string":
      return await redis.get(key);
    case "hash":
      return await redis.hgetall(key);
    case "list":
      return await redis.lrange(key, 0, -1);
    case "set":
      return await redis.smembers(key);
    case "zset":
      return await redis.zrange(key, "0", "-1", "WITHSCORES");
    case "stream":
      return await redis.xrange(key, "-", "+");
    // It has gone meanwhile.
    case "none":
      return null;
    default:
      throw new Error(`${key} is a ${type}: how is that read?`);
  }
}
