// A memory in the environment's own Redis: searched by words.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Redis } from "../../store/connect.ts";
import { type MemoryPlace, readMemoryEntry, scanMemory, writeMemoryEntries } from "../../store/memory.ts";
import { labelled } from "../gate/carried.ts";
import { readEntry } from "./entry.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { Memory, MemoryHit, MemoryKey } from "./memory.ts";
import { compareRanked, scoreOf, wordsOf } from "./rank.ts";

/** `label` names the manifest for people. */
export function openRedisMemory(redis: Redis, place: MemoryPlace, label: string): Memory {
  return {
    read: async (key) => {
      const text = await readMemoryEntry(redis, place, key);
      return text === undefined ? undefined : readEntry(label, key, text);
    },
    write: async (entries) => {
      const texts = entries.map(({ key, ...entry }) => ({ key, text: JSON.stringify(entry) }));
      const answer = await writeMemoryEntries(redis, place, texts, MEMORY_LIMITS.entries);
      if (answer === "full") {
        throw new PermanentFailure(
          "MEMORY_FULL",
          `${label} holds ${MEMORY_LIMITS.entries} entries: no more can be added`,
        );
      }
    },
    search: (query, limit) => search(redis, place, label, query, limit),
    list: (prefix, limit) => list(redis, place, label, prefix, limit),
  };
}

async function search(
  redis: Redis,
  place: MemoryPlace,
  label: string,
  query: string,
  limit: number,
): Promise<MemoryHit[]> {
  const words = wordsOf(query);
  let best: MemoryHit[] = [];
  for await (const { key, text } of scanMemory(redis, place)) {
    const entry = readEntry(label, key, text);
    const score = scoreOf(words, `${key} ${entry.value}`);
    // Kept short while it grows: a memory of ten thousand entries is not held here as a whole.
    if (score > 0) best.push({ ...entry, score });
    if (best.length >= 4 * limit) best = bestOf(best, limit);
  }
  return bestOf(best, limit);
}

/** Redis may answer an entry twice while a hash grows. */
function bestOf(hits: readonly MemoryHit[], limit: number): MemoryHit[] {
  const once = new Map(hits.map((hit) => [hit.key, hit]));
  return [...once.values()].toSorted(compareRanked).slice(0, limit);
}

async function list(
  redis: Redis,
  place: MemoryPlace,
  label: string,
  prefix: string,
  limit: number,
): Promise<MemoryKey[]> {
  const found = new Map<string, MemoryKey>();
  for await (const { key, text } of scanMemory(redis, place)) {
    if (key.startsWith(prefix)) found.set(key, { key, ...labelled(readEntry(label, key, text).written.labels ?? []) });
  }
  return [...found.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
}
