// What runners have seen of the tools of MCP servers, for `mcp pin`, which works without a Redis as well.
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { ToolText } from "../../contracts/tool-difference.ts";
import type { Host } from "../host.ts";
import { say } from "../output.ts";
import type { RedisFlags } from "../redis.ts";

/** By `<namespace>/<server>`, then by digest. Nothing where no Redis is named, or it cannot be read, which is said. */
export async function readKnownTexts(
  host: Host,
  flags: RedisFlags & { readonly env: string },
): Promise<ReadonlyMap<string, Readonly<Record<string, ToolText>>>> {
  if ((flags.redis ?? host.config.redisUrl) === undefined) return new Map();
  const { openRedis } = await import("../redis.ts");
  const { readTools } = await import("../../store/sightings.ts");
  try {
    const { redis, close } = await openRedis(host, flags);
    try {
      const seen = await readTools(redis, flags.env);
      return new Map(seen.map(({ namespace, server, texts }) => [`${namespace}/${server}`, texts]));
    } finally {
      await close();
    }
  } catch (error) {
    if (!(error instanceof PermanentFailure || error instanceof TransientFailure)) throw error;
    say(host, `What is different about changed tools cannot be told: ${error.code}: ${error.message}`);
    return new Map();
  }
}
