// Calls of tools that answer later, as they stand: what is known of each, and what it was answered.
import { createHash } from "node:crypto";
import { type Address, parseAddress } from "../contracts/address.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { callbackKey } from "./keys.ts";
import { clockOf, corrupt, jsonOf, listOf, numberOf, objectOf, textOf } from "./reply.ts";

/** What a process that hears an answer has to know of the call: fixed when it began, by the task's own definitions. */
export interface CallbackFacts {
  /** Of the Tool. */
  readonly tool: Address;
  /** How an answer proves that it is genuine, as its manifest says it; null: by the token alone. */
  readonly auth: unknown;
}

export type CallbackState =
  /** `open`: nobody knows whether the tool has heard of it. */
  | { readonly state: "open" | "accepted"; readonly leftMs: number }
  | { readonly state: "answered"; readonly text: string }
  /** Given up, or too late. */
  | { readonly state: "over" }
  | { readonly state: "unknown" };

/** A token is never kept: only this of it. */
export function digestOfToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

export async function readCallback(redis: Redis, env: string, request: string): Promise<CallbackState> {
  const what = `the call ${request}`;
  const [fields, clock] = await askAll(redis, () =>
    redis.pipeline().hmget(callbackKey(env, request), "state", "until", "answer").time().exec(),
  );
  const [state, until, answer] = listOf(what, fields);
  switch (state) {
    case null:
      return { state: "unknown" };
    case "closed":
      return { state: "over" };
    case "answered":
      return { state, text: textOf(what, answer) };
    case "open":
    case "accepted": {
      const leftMs = numberOf(what, until) - clockOf(what, clock);
      return leftMs > 0 ? { state, leftMs } : { state: "over" };
    }
    default:
      throw corrupt(what, `\`${String(state)}\` is no state of it`);
  }
}

/** undefined: there is no such call, or it has another token. */
export async function findCallback(
  redis: Redis,
  env: string,
  request: string,
  tokenDigest: string,
): Promise<CallbackFacts | undefined> {
  const what = `the call ${request}`;
  const found = await ask(redis, () => redis.hmget(callbackKey(env, request), `token:${tokenDigest}`, "facts"));
  if (found[0] !== "1") return undefined;
  const { tool, auth } = objectOf(what, jsonOf(what, textOf(what, found[1])));
  const address = textOf(what, tool);
  if (parseAddress(address) === undefined) throw corrupt(what, "it names no Tool");
  return { tool: address as Address, auth: auth ?? null };
}

/** What was answered is kept for as long as a takeover may ask for it again. */
export async function keepCallback(redis: Redis, env: string, request: string, keepMs: number): Promise<void> {
  await ask(redis, () => redis.pexpire(callbackKey(env, request), keepMs));
}
