// What agents remember, in Redis: for as long as one task, or for all tasks of an environment.
import type { TaskRef } from "../contracts/task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { memoryKey, taskKeys } from "./keys.ts";
import { textsOf } from "./reply.ts";
import { putMemory } from "./scripts/put-memory.ts";

/** Where the entries of one memory are kept. */
export interface MemoryPlace {
  /** hash: `<field prefix><key>` → the entry's text. */
  readonly hash: string;
  readonly prefix: string;
}

/** A memory that ends with its task. */
export function taskMemory(task: TaskRef, namespace: string, name: string): MemoryPlace {
  return { hash: taskKeys(task).memory, prefix: `${namespace}/${name} ` };
}

/** A memory that all tasks of the environment share. */
export function sharedMemory(env: string, namespace: string, name: string): MemoryPlace {
  return { hash: memoryKey(env, namespace, name), prefix: "" };
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
}

/** All entries or none. `full`: the hash would hold more than `maxEntries`. */
export async function writeMemoryEntries(
  redis: Redis,
  { hash, prefix }: MemoryPlace,
  entries: readonly MemoryText[],
  maxEntries: number,
): Promise<"written" | "full"> {
  const fields = entries.flatMap(({ key, text }) => [`${prefix}${key}`, text]);
  return putMemory(redis, hash, fields, maxEntries);
}

/** Fields in one look: a large memory must not hold up others. */
const CHUNK = 200;

/** Every entry at least once, in no order; one that is written meanwhile may be missing. */
export async function* scanMemory(redis: Redis, { hash, prefix }: MemoryPlace): AsyncIterable<MemoryText> {
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
