// Snapshots by their digest: written once, verified at every read.
import type { Snapshot } from "../contracts/snapshot.ts";
import type { Redis } from "./connect.ts";

export async function putSnapshot(redis: Redis, env: string, snapshot: Snapshot): Promise<void> {
  throw new Error(`${redis.status} ${env} ${snapshot.digest}`);
}

/** Throws PermanentFailure SNAPSHOT_MISSING or STATE_CORRUPT. */
export async function readSnapshot(redis: Redis, env: string, digest: string): Promise<Snapshot> {
  throw new Error(`${redis.status} ${env} ${digest}`);
}
