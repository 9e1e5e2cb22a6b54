// What agents remember, in Redis: for as long as one task, or for all tasks of an environment.
import type { TaskRef } from "../contracts/task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { taskKeys } from "./keys.ts";
import { memoryKeys } from "./memory-keys.ts";
import { textsOf } from "./reply.ts";
import { type PutAnswer, putMemory } from "./scripts/put-memory.ts";

/** Where the entries of one memory are kept. */
export interface MemoryPlace {
  /** hash: `<field prefix><key>` → the entry's text. */
  readonly hash: string;
  /** hash: the same → its vector; the prefix alone: what the vectors are made by. */
  readonly vectors: string;
  readonly prefix: string;
}

/** A memory that ends with its task. */
export function taskMemory(task: TaskRef, namespace: string, name: string): MemoryPlace {
  const { memory, memoryVectors } = taskKeys(task);
  return { hash: memory, vectors: memoryVectors, prefix: `${namespace}/${name} ` };
}

/** A memory that all tasks of the environment share. */
export function sharedMemory(env: string, namespace: string, name: string): MemoryPlace {
  const { entries, vectors } = memoryKeys(env, namespace, name);
  return { hash: entries, vectors, prefix: "" };
}

export async function readMemoryEntry(
  redis: Redis,
  { hash, prefix }: MemoryPlace,
  key: string,
): Promise<string | undefined> {
  return (await ask(redis, () => redis.hget(hash, `${prefix}${key}`))) ?? undefined;
}

export interface MemoryText {
  readonly key: string;
  readonly text: string;
  readonly vector?: string;
}

/** In the order of the keys, without those that are gone. */
export async function readMemoryEntries(
  redis: Redis,
  { hash, prefix }: MemoryPlace,
  keys: readonly string[],
): Promise<readonly MemoryText[]> {
  if (keys.length === 0) return [];
  const texts = await ask(redis, () => redis.hmget(hash, ...keys.map((key) => `${prefix}${key}`)));
  return keys.flatMap((key, index) => {
    const text = texts[index];
    return text === null || text === undefined ? [] : [{ key, text }];
  });
}

export interface MemoryWrites {
  readonly entries: readonly MemoryText[];
  /** What their vectors are made by; absent: they have none. */
  readonly space?: string;
  readonly maxEntries: number;
}

/** All entries or none. `full`: the hash would hold more than `maxEntries`. */
export function writeMemoryEntries(redis: Redis, place: MemoryPlace, writes: MemoryWrites): Promise<PutAnswer> {
  return put(redis, place, writes, false);
}

/** Gives vectors to entries that are still the same. */
export function addMemoryVectors(redis: Redis, place: MemoryPlace, writes: MemoryWrites): Promise<PutAnswer> {
  return put(redis, place, writes, true);
}

function put(
  redis: Redis,
  { hash, vectors, prefix }: MemoryPlace,
  { entries, space = "", maxEntries }: MemoryWrites,
  onlyVectors: boolean,
): Promise<PutAnswer> {
  const fields = entries.flatMap(({ key, text, vector = "" }) => [`${prefix}${key}`, text, vector]);
  return putMemory(redis, { entries: hash, vectors, spaceField: prefix, space, onlyVectors, fields, maxEntries });
}

/** What the vectors are made by; undefined: there are none yet. */
export async function readMemorySpace(redis: Redis, { vectors, prefix }: MemoryPlace): Promise<string | undefined> {
  return (await ask(redis, () => redis.hget(vectors, prefix))) ?? undefined;
}

/** At most `limit` keys of entries without a vector, in no order. */
export async function findBareKeys(
  redis: Redis,
  { hash, vectors, prefix }: MemoryPlace,
  limit: number,
): Promise<readonly string[]> {
  const [entries, withVector] = await ask(redis, () => Promise.all([redis.hkeys(hash), redis.hkeys(vectors)]));
  const known = new Set(withVector);
  const bare = entries.filter((field) => field.startsWith(prefix) && !known.has(field));
  return bare.slice(0, limit).map((field) => field.slice(prefix.length));
}

/** Fields in one look: a large memory must not hold up others. */
const CHUNK = 200;

/** Every entry at least once, in no order; one that is written meanwhile may be missing. */
export function scanMemory(redis: Redis, { hash, prefix }: MemoryPlace): AsyncIterable<MemoryText> {
  return scan(redis, hash, prefix);
}

/** As {@link scanMemory}: the texts are vectors. */
export async function* scanMemoryVectors(redis: Redis, { vectors, prefix }: MemoryPlace): AsyncIterable<MemoryText> {
  for await (const found of scan(redis, vectors, prefix)) if (found.key !== "") yield found;
}

async function* scan(redis: Redis, hash: string, prefix: string): AsyncIterable<MemoryText> {
  let cursor = "0";
  do {
    const [next, flat] = await ask(redis, () => redis.hscan(hash, cursor, "COUNT", CHUNK));
    const fields = textsOf("a memory", flat);
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const field = fields[index] ?? "";
      if (field.startsWith(prefix)) yield { key: field.slice(prefix.length), text: fields[index + 1] ?? "" };
    }
    cursor = next;
  } while (cursor !== "0");
}
