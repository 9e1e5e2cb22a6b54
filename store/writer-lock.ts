// The lock that lets one writer at a time change an environment's state: fenced by a token, kept alive by a heartbeat.
import { setTimeout as pause } from "node:timers/promises";
import { LeaseLost } from "../contracts/failure.ts";
import type { Redis } from "./connect.ts";
import { acquireLock } from "./scripts/acquire-lock.ts";
import { type LockGrantRef, releaseLock, renewLock } from "./scripts/renew-lock.ts";

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
  /** `untilMs`: how long it will hold at least, if nobody renews it. */
  | { readonly outcome: "held"; readonly holder: string; readonly untilMs: number };

export async function acquireWriterLock(redis: Redis, request: WriterLockRequest): Promise<WriterLockAnswer> {
  const sentAt = performance.now();
  const grant = await acquireLock(redis, request.env, request.holder, request.ttlMs);
  if (grant.outcome === "held") return { outcome: "held", holder: grant.holder, untilMs: grant.remainingMs };
  const { holder, env } = request;
  const { token } = grant;
  const heartbeat = startHeartbeat(redis, { env, holder, token }, request.ttlMs, sentAt);
  const release = async (): Promise<void> => {
    heartbeat.stop();
    await releaseLock(redis, { env, holder, token });
  };
  return { outcome: "acquired", lock: { holder, token, signal: heartbeat.lost, release } };
}

interface Heartbeat {
  readonly lost: AbortSignal;
  stop(): void;
}

/**
 * Renews three times per life of the lock. One renewal that fails is followed by another; the lock counts as lost when
 * Redis says so, or when its life, counted from the moment at which the last good renewal was *sent*, is over.
 */
function startHeartbeat(redis: Redis, grant: LockGrantRef, ttlMs: number, sentAt: number): Heartbeat {
  const lost = new AbortController();
  const stopped = new AbortController();
  const lose = (): void => {
    if (!stopped.signal.aborted) lost.abort(new LeaseLost(grant.env, `The writer's lock of ${grant.env} was lost`));
    stopped.abort();
  };
  let expiry = setTimeout(lose, ttlMs - (performance.now() - sentAt)).unref();
  const renewed = (at: number): void => {
    clearTimeout(expiry);
    if (!stopped.signal.aborted) expiry = setTimeout(lose, ttlMs - (performance.now() - at)).unref();
  };
  void beat(redis, grant, ttlMs, { stopped: stopped.signal, renewed, lose });
  const stop = (): void => {
    stopped.abort();
    clearTimeout(expiry);
  };
  return { lost: lost.signal, stop };
}

interface Beat {
  readonly stopped: AbortSignal;
  readonly renewed: (sentAt: number) => void;
  readonly lose: () => void;
}

async function beat(redis: Redis, grant: LockGrantRef, ttlMs: number, { stopped, renewed, lose }: Beat): Promise<void> {
  while (!stopped.aborted) {
    await pause(ttlMs / 3, undefined, { signal: stopped, ref: false }).catch(() => undefined);
    if (stopped.aborted) return;
    const sentAt = performance.now();
    // A renewal that fails is answered by the next one, or by the expiry.
    const held = await renewLock(redis, grant, ttlMs).catch(() => undefined);
    if (held === true) renewed(sentAt);
    if (held === false) lose();
  }
}
