// A memory whose entries are found by what they mean: each gets a vector when it is written, and a search compares them.
import { MEMORY_LIMITS } from "./limits.ts";
import type { Memory, MemoryEntry, VectorEntry, VectorMemory } from "./memory.ts";
import type { Vector, VectorSpace } from "./vector.ts";

export interface Embedded {
  /** In the order of the texts. */
  readonly vectors: readonly Vector[];
  readonly space: VectorSpace;
}

/** Throws what the gate says, or the endpoint. */
export type Embed = (texts: readonly string[], signal: AbortSignal) => Promise<Embedded>;

export function embeddedMemory(memory: VectorMemory, embed: Embed): Memory {
  return {
    read: (key, signal) => memory.read(key, signal),
    list: (prefix, limit, signal) => memory.list(prefix, limit, signal),
    write: async (entries, signal) => {
      const { vectors, space } = await embed(
        entries.map(({ value }) => value),
        signal,
      );
      await memory.writeVectors(withVectors(entries, vectors), space, signal);
    },
    search: async (query, limit, signal) => {
      await fillUp(memory, embed, signal);
      const { vectors, space } = await embed([query], signal);
      const [vector] = vectors;
      return vector === undefined ? [] : memory.nearest(vector, space, limit, signal);
    },
  };
}

/** What was written before the memory had an `embedding_model`, or in one that has none elsewhere, gets its vectors late. */
async function fillUp(memory: VectorMemory, embed: Embed, signal: AbortSignal): Promise<void> {
  const bare = await memory.bare(MEMORY_LIMITS.bareEntries, signal);
  if (bare.length === 0) return;
  const { vectors, space } = await embed(
    bare.map(({ value }) => value),
    signal,
  );
  await memory.addVectors(withVectors(bare, vectors), space, signal);
}

function withVectors(entries: readonly MemoryEntry[], vectors: readonly Vector[]): VectorEntry[] {
  return entries.flatMap((entry, index) => {
    const vector = vectors[index];
    return vector === undefined ? [] : [{ ...entry, vector }];
  });
}
