// The environment of a preview: taken for one environment, so that no real one is ever written into or removed, and removed
// with every key of it.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentPatterns, previewOfKey } from "./preview-keys.ts";

/** Of which environment, and which of its previews: an earlier one that is still being removed must not take this one along. */
export interface PreviewOwner {
  readonly of: string;
  readonly id: string;
}

export type TakeAnswer = "taken" | "someone-elses";

/** Repeatable. `someone-elses`: it is a preview of another environment, or an environment that nobody made for previews. */
export async function takePreviewEnvironment(redis: Redis, preview: string, owner: PreviewOwner): Promise<TakeAnswer> {
  const key = previewOfKey(preview);
  const known = await ask(redis, () => redis.get(key));
  if (known !== null && !isOf(known, owner.of)) return "someone-elses";
  if (known !== null) {
    await ask(redis, () => redis.set(key, textOf(owner)));
    return "taken";
  }
  for await (const found of keysOf(redis, preview)) if (found.length > 0) return "someone-elses";
  const set = await ask(redis, () => redis.set(key, textOf(owner), "NX"));
  return set === "OK" ? "taken" : "someone-elses";
}

export async function isPreviewOf(redis: Redis, preview: string, of: string): Promise<boolean> {
  const known = await ask(redis, () => redis.get(previewOfKey(preview)));
  return known !== null && isOf(known, of);
}

/** Names of environments hold no slash. */
function textOf({ of, id }: PreviewOwner): string {
  return `${of}/${id}`;
}

function isOf(owner: string, of: string): boolean {
  return owner.startsWith(`${of}/`);
}

/**
 * Removes every key; nothing where it is not, or no more, this owner's. `keep`: it goes on being taken. To be called when
 * nobody is at work in it. Whose it is goes last: after a crash it is found again.
 */
export async function emptyPreviewEnvironment(
  redis: Redis,
  preview: string,
  owner: PreviewOwner,
  then: "keep" | "give-back",
): Promise<void> {
  const key = previewOfKey(preview);
  const isOurs = async (): Promise<boolean> => (await ask(redis, () => redis.get(key))) === textOf(owner);
  for await (const found of keysOf(redis, preview)) {
    if (!(await isOurs())) return;
    const keys = found.filter((one) => one !== key);
    if (keys.length > 0) await ask(redis, () => redis.unlink(...keys));
  }
  if (then === "give-back" && (await isOurs())) await ask(redis, () => redis.del(key));
}

/** A look at the whole key space: previews end seldom, and what is found is surely all. */
const SCANNED = 1_000;

async function* keysOf(redis: Redis, env: string): AsyncIterable<readonly string[]> {
  for (const pattern of environmentPatterns(env)) {
    let cursor = "0";
    do {
      const [next, keys] = await ask(redis, () => redis.scan(cursor, "MATCH", pattern, "COUNT", SCANNED));
      if (keys.length > 0) yield keys;
      cursor = next;
    } while (cursor !== "0");
  }
}
