// Task intents: run-mode Tasks that an apply recorded and whose task is still to be made, exactly once per content.
import type { Address } from "../contracts/address.ts";
import type { Redis } from "./connect.ts";

export interface TaskIntent {
  /** `<address>@<spec digest>`. */
  readonly key: string;
  readonly address: Address;
  /** The task to make. */
  readonly name: string;
  readonly planDigest: string;
  readonly commit: string | null;
  readonly serial: number;
}

/** In the order of their keys. */
export async function pendingTaskIntents(redis: Redis, env: string): Promise<TaskIntent[]> {
  throw new Error(`${redis.status} ${env}`);
}

/** Call it once the task exists (or once nobody can make it any more). The intent's key stays used for ever. */
export async function settleTaskIntent(redis: Redis, env: string, key: string): Promise<void> {
  throw new Error(`${redis.status} ${env} ${key}`);
}
