// The lock that lets one writer at a time change an environment's state.
import type { Redis } from "./connect.ts";
import { type HeldLock, type LockAnswer, type LockRequest, takeLock } from "./held-lock.ts";
import { environmentKeys } from "./keys.ts";

export type WriterLock = HeldLock;

export interface WriterLockRequest extends LockRequest {
  readonly env: string;
}

export type WriterLockAnswer = LockAnswer;

export function acquireWriterLock(redis: Redis, { env, ...request }: WriterLockRequest): Promise<WriterLockAnswer> {
  return takeLock(redis, { key: environmentKeys(env).lock, what: `the writer's lock of environment ${env}` }, request);
}
