// The lock that lets one writer at a time change an environment's state: fenced by a token, kept alive by a heartbeat.
import type { Redis } from "./connect.ts";

export interface WriterLock {
  readonly holder: string;
  /** The fencing number: grows with every grant. */
  readonly token: number;
  /** Aborted, with LeaseLost as its reason, once the lock may be somebody else's. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

export interface WriterLockRequest {
  readonly env: string;
  readonly holder: string;
  readonly ttlMs: number;
}

export type WriterLockAnswer =
  | { readonly outcome: "acquired"; readonly lock: WriterLock }
  | { readonly outcome: "held"; readonly holder: string; readonly untilMs: number };

export async function acquireWriterLock(redis: Redis, request: WriterLockRequest): Promise<WriterLockAnswer> {
  throw new Error(`${redis.status} ${request.env}`);
}
