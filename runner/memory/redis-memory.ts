// A memory in the environment's own Redis: searched by words, or by vectors where its entries have some.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Redis } from "../../store/connect.ts";
import {
  addMemoryVectors,
  findBareKeys,
  type MemoryPlace,
  readMemoryEntries,
  readMemoryEntry,
  readMemorySpace,
  scanMemory,
  scanMemoryVectors,
  writeMemoryEntries,
} from "../../store/memory.ts";
import type { PutAnswer } from "../../store/scripts/put-memory.ts";
import { labelled } from "../gate/carried.ts";
import { readEntry } from "./entry.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { MemoryEntry, MemoryHit, MemoryKey, VectorEntry, VectorMemory } from "./memory.ts";
import { compareRanked, type Ranked, scoreOf, wordsOf } from "./rank.ts";
import { cosineOf, readVector, scoreOfCosine, spaceText, type Vector, type VectorSpace, vectorText } from "./vector.ts";
import { vectorsDiffer } from "./vectors-differ.ts";

interface Shelf {
  readonly redis: Redis;
  readonly place: MemoryPlace;
  /** Names the manifest for people. */
  readonly label: string;
}

export function openRedisMemory(redis: Redis, place: MemoryPlace, label: string): VectorMemory {
  const shelf = { redis, place, label };
  const { entries: maxEntries } = MEMORY_LIMITS;
  return {
    read: async (key) => {
      const text = await readMemoryEntry(redis, place, key);
      return text === undefined ? undefined : readEntry(label, key, text);
    },
    write: async (entries) => {
      const writes = { entries: entries.map(textOfEntry), maxEntries };
      requireWritten(shelf, await writeMemoryEntries(redis, place, writes));
    },
    search: (query, limit) => search(shelf, query, limit),
    list: (prefix, limit) => list(shelf, prefix, limit),
    writeVectors: async (entries, space) => {
      const writes = { entries: entries.map(textsOfEntry), space: spaceText(space), maxEntries };
      requireWritten(shelf, await writeMemoryEntries(redis, place, writes), space);
    },
    nearest: (vector, space, limit) => nearest(shelf, vector, space, limit),
    bare: async (limit) => {
      const found = await readMemoryEntries(redis, place, await findBareKeys(redis, place, limit));
      return found.map(({ key, text }) => readEntry(label, key, text));
    },
    addVectors: async (entries, space) => {
      const writes = { entries: entries.map(textsOfEntry), space: spaceText(space), maxEntries };
      requireWritten(shelf, await addMemoryVectors(redis, place, writes), space);
    },
  };
}

function textOfEntry({ key, value, written }: MemoryEntry): { readonly key: string; readonly text: string } {
  return { key, text: JSON.stringify({ value, written }) };
}

function textsOfEntry(entry: VectorEntry) {
  return { ...textOfEntry(entry), vector: vectorText(entry.vector) };
}

function requireWritten({ label }: Shelf, answer: PutAnswer, space?: VectorSpace): void {
  if (answer.outcome === "mismatch" && space !== undefined) throw vectorsDiffer(label, answer.space, spaceText(space));
  if (answer.outcome !== "full") return;
  throw new PermanentFailure("MEMORY_FULL", `${label} holds ${MEMORY_LIMITS.entries} entries: no more can be added`);
}

async function search({ redis, place, label }: Shelf, query: string, limit: number): Promise<MemoryHit[]> {
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

async function nearest(shelf: Shelf, vector: Vector, space: VectorSpace, limit: number): Promise<MemoryHit[]> {
  const { redis, place, label } = shelf;
  const had = await readMemorySpace(redis, place);
  if (had !== undefined && had !== spaceText(space)) throw vectorsDiffer(label, had, spaceText(space));
  let best: Ranked[] = [];
  for await (const { key, text } of scanMemoryVectors(redis, place)) {
    const score = scoreOfCosine(cosineOf(vector, readVector(text)));
    if (score > 0) best.push({ key, score });
    if (best.length >= 4 * limit) best = bestOf(best, limit);
  }
  const ranked = bestOf(best, limit);
  const found = await readMemoryEntries(
    redis,
    place,
    ranked.map(({ key }) => key),
  );
  const entries = new Map(found.map(({ key, text }) => [key, text]));
  return ranked.flatMap(({ key, score }) => {
    const text = entries.get(key);
    return text === undefined ? [] : [{ ...readEntry(label, key, text), score }];
  });
}

/** Redis may answer an entry twice while a hash grows. */
function bestOf<T extends Ranked>(hits: readonly T[], limit: number): T[] {
  const once = new Map(hits.map((hit) => [hit.key, hit]));
  return [...once.values()].toSorted(compareRanked).slice(0, limit);
}

async function list({ redis, place, label }: Shelf, prefix: string, limit: number): Promise<MemoryKey[]> {
  const found = new Map<string, MemoryKey>();
  for await (const { key, text } of scanMemory(redis, place)) {
    if (key.startsWith(prefix)) found.set(key, { key, ...labelled(readEntry(label, key, text).written.labels ?? []) });
  }
  return [...found.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
}
