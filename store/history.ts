// The history of an environment: one entry per apply, newest first.
import type { Redis } from "./connect.ts";

export interface HistoryEntry {
  readonly serial: number;
  readonly planId: string;
  readonly planDigest: string;
  readonly commit: string | null;
  readonly appliedAt: string;
  /** What the caller of applyPlan put into `history`. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export async function readHistory(redis: Redis, env: string, limit: number): Promise<HistoryEntry[]> {
  throw new Error(`${redis.status} ${env} ${limit}`);
}
