// Writes entries of a memory, all of them or none, each with its vector or without one.
import type { Redis } from "../connect.ts";
import { corrupt, textsOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 entries · 2 vectors
 * ARGV  1 how many entries there may be · 2 the field of what vectors are made by · 3 what these are made by, or '' ·
 *       4 '1': only vectors, of entries that are still the same · field, text and vector (or '') of each
 * Answers 'written', 'full' or 'mismatch', and what the vectors there are made by.
 * Invariants: never more entries than ARGV[1]; an entry never has the vector of another text; all vectors are made by one.
 */
const PUT = defineScript(`
local entries, vectors = KEYS[1], KEYS[2]
local space, only_vectors = ARGV[3], ARGV[4] == '1'
local had = redis.call('HGET', vectors, ARGV[2])
if space ~= '' and had and had ~= space then return {'mismatch', had} end
local fresh = 0
for index = 5, #ARGV, 3 do
  if redis.call('HEXISTS', entries, ARGV[index]) == 0 then fresh = fresh + 1 end
end
if not only_vectors and redis.call('HLEN', entries) + fresh > tonumber(ARGV[1]) then return {'full', ''} end
if space ~= '' then redis.call('HSET', vectors, ARGV[2], space) end
for index = 5, #ARGV, 3 do
  local field, text, vector = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local writes = true
  if only_vectors then writes = redis.call('HGET', entries, field) == text else redis.call('HSET', entries, field, text) end
  if writes and vector ~= '' then redis.call('HSET', vectors, field, vector) end
  if writes and vector == '' then redis.call('HDEL', vectors, field) end
end
return {'written', ''}
`);

export interface MemoryWrite {
  readonly entries: string;
  readonly vectors: string;
  /** Names what vectors are made by. */
  readonly spaceField: string;
  /** '': there are none among these. */
  readonly space: string;
  readonly onlyVectors: boolean;
  /** Field, text and vector of each. */
  readonly fields: readonly string[];
  readonly maxEntries: number;
}

export type PutAnswer =
  | { readonly outcome: "written" }
  | { readonly outcome: "full" }
  /** `space`: what the vectors are made by that are there. */
  | { readonly outcome: "mismatch"; readonly space: string };

export async function putMemory(redis: Redis, write: MemoryWrite): Promise<PutAnswer> {
  const { entries, vectors, spaceField, space, onlyVectors, fields, maxEntries } = write;
  const args = [maxEntries, spaceField, space, onlyVectors ? "1" : "", ...fields];
  const answer = await runScript(redis, PUT, [entries, vectors], args);
  const [outcome = "", had = ""] = textsOf("the answer to a memory's write", answer);
  if (outcome === "written" || outcome === "full") return { outcome };
  if (outcome === "mismatch") return { outcome, space: had };
  throw corrupt("the answer to a memory's write", `\`${outcome}\` is unknown`);
}
