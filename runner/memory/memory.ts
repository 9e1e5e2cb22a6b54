// The one interface behind which every memory stands. Only the memory tools call it, and the gate calls those.

import type { CarriedLabel } from "../../policies/request.ts";
import type { Vector, VectorSpace } from "./vector.ts";

/** Who wrote an entry, and in which step: the way back from what an agent knows to where it comes from. */
export interface Provenance {
  /** `<namespace>/<name>`. */
  readonly task: string;
  readonly agent: string;
  readonly activation: string;
  readonly at: string;
  /** Of all that its writer had read. Absent: none. */
  readonly labels?: readonly CarriedLabel[];
}

export interface MemoryEntry {
  readonly key: string;
  readonly value: string;
  readonly written: Provenance;
}

export interface MemoryHit extends MemoryEntry {
  /** From 0 to 1: how much of the query is in the entry, or how near their vectors are. */
  readonly score: number;
}

export interface MemoryKey {
  readonly key: string;
  /** Of its entry's writer, for the key is the writer's word, too. Absent: none, or the memory does not tell. */
  readonly labels?: readonly CarriedLabel[];
}

/** Throws TransientFailure where the memory is away, PermanentFailure (MEMORY_FULL, MEMORY_UNREADABLE, …) otherwise. */
export interface Memory {
  read(key: string, signal: AbortSignal): Promise<MemoryEntry | undefined>;
  /** All entries or none; what stands under a key already is replaced. */
  write(entries: readonly MemoryEntry[], signal: AbortSignal): Promise<void>;
  /** Best first. */
  search(query: string, limit: number, signal: AbortSignal): Promise<readonly MemoryHit[]>;
  /** Keys that begin with `prefix`, sorted. */
  list(prefix: string, limit: number, signal: AbortSignal): Promise<readonly MemoryKey[]>;
}

export interface VectorEntry extends MemoryEntry {
  readonly vector: Vector;
}

/**
 * A memory that can keep a vector with each entry. All of them are of one space: another one is a PermanentFailure
 * MEMORY_VECTORS_DIFFER, and nothing is written or found. An entry that is written without a vector loses that which it had.
 */
export interface VectorMemory extends Memory {
  /** As `write`. */
  writeVectors(entries: readonly VectorEntry[], space: VectorSpace, signal: AbortSignal): Promise<void>;
  /** Best first, and none whose score is 0. Entries without a vector are not found. */
  nearest(vector: Vector, space: VectorSpace, limit: number, signal: AbortSignal): Promise<readonly MemoryHit[]>;
  /** Some entries that were written without a vector. */
  bare(limit: number, signal: AbortSignal): Promise<readonly MemoryEntry[]>;
  /** Gives them one each, unless they were written anew in the meantime. */
  addVectors(entries: readonly VectorEntry[], space: VectorSpace, signal: AbortSignal): Promise<void>;
}
