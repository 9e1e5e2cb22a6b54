// The key names of what the tasks of an environment remember together, and of vectors that were made before.
import { checkedName, environmentTag } from "./keys.ts";

export interface MemoryKeys {
  /** hash: key → entry. */
  readonly entries: string;
  /** hash: key → the vector of the entry; the empty field: what the vectors are made by. */
  readonly vectors: string;
}

/** Of a memory that all tasks of an environment share. */
export function memoryKeys(env: string, namespace: string, name: string): MemoryKeys {
  checkedName("environment", env);
  const tag = `cw:{m:${env}/${checkedName("namespace", namespace)}/${checkedName("memory", name)}}`;
  return { entries: `${tag}:entries`, vectors: `${tag}:vectors` };
}

export interface EmbeddingKeys {
  /** hash: digest of a text, with the model that it was given to → its vector. */
  readonly embeddings: string;
  /** zset: the same digest → when it was put there, in ms. */
  readonly made: string;
}

/** Vectors that were made before, whoever needed them. */
export function embeddingKeys(env: string): EmbeddingKeys {
  const tag = environmentTag(env);
  return { embeddings: `${tag}:embeddings`, made: `${tag}:embeddings-made` };
}
