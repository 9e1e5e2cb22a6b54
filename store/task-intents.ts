// Task intents: run-mode Tasks that an apply recorded and whose task is still to be made, exactly once per content.
import { type Address, parseAddress } from "../contracts/address.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface TaskIntent {
  /** `<address>@<spec digest>`. */
  readonly key: string;
  readonly address: Address;
  /** The task to make. */
  readonly name: string;
  readonly planDigest: string;
  readonly commit: string | null;
  /** Of the apply that recorded it. */
  readonly serial: number;
}

/** In the order of their keys. */
export async function pendingTaskIntents(redis: Redis, env: string): Promise<TaskIntent[]> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).pendingIntents));
  return Object.keys(found)
    .toSorted()
    .map((key) => readIntent(key, found[key]));
}

/** Call it once the task exists (or once nobody can make it any more). The intent's key stays used for ever. */
export async function settleTaskIntent(redis: Redis, env: string, key: string): Promise<void> {
  await ask(redis, () => redis.hdel(environmentKeys(env).pendingIntents, key));
}

function readIntent(key: string, text: unknown): TaskIntent {
  const what = `the task intent ${key}`;
  const fields = objectOf(what, jsonOf(what, text));
  const address = key.slice(0, key.lastIndexOf("@"));
  if (parseAddress(address) === undefined) throw corrupt(what, "it names no address");
  return {
    key,
    address: address as Address,
    name: textOf(what, fields["name"]),
    planDigest: textOf(what, fields["planDigest"]),
    commit: fields["commit"] === null ? null : textOf(what, fields["commit"]),
    serial: numberOf(what, fields["serial"]),
  };
}
