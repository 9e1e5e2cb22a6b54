// The outbox: what people should see on GitHub, kept until the report has posted it. Entries on one subject coalesce.
import type { OutboxEntry } from "../contracts/outbox.ts";
import type { Redis } from "./connect.ts";

export interface OutboxItem {
  readonly id: string;
  readonly entry: OutboxEntry;
}

/** Replaces an earlier entry on the same subject; the new one has a new id and goes to the end. */
export async function pushOutbox(redis: Redis, env: string, entry: OutboxEntry): Promise<void> {
  throw new Error(`${redis.status} ${env} ${entry.kind}`);
}

/** Oldest first. */
export async function readOutbox(redis: Redis, env: string, limit: number): Promise<OutboxItem[]> {
  throw new Error(`${redis.status} ${env} ${limit}`);
}

/** Drops what was posted. An entry that was replaced in the meantime has another id and stays. */
export async function dropOutbox(redis: Redis, env: string, ids: readonly string[]): Promise<void> {
  throw new Error(`${redis.status} ${env} ${ids.length}`);
}
