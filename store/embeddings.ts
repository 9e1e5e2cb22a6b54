// Vectors that were made before, by the digests of what they were made of.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { embeddingKeys } from "./memory-keys.ts";

/** In the order of the digests; undefined: not kept, or not any more. */
export async function readEmbeddings(
  redis: Redis,
  env: string,
  digests: readonly string[],
): Promise<readonly (string | undefined)[]> {
  if (digests.length === 0) return [];
  const found = await ask(redis, () => redis.hmget(embeddingKeys(env).embeddings, ...digests));
  return found.map((vector) => vector ?? undefined);
}
