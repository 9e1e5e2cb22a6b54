// A lock that is fenced by a token and kept alive by a heartbeat. Who holds it knows by this process' own clock until when.
import { setTimeout as pause } from "node:timers/promises";
import { LeaseLost } from "../contracts/failure.ts";
import type { Redis } from "./connect.ts";
import { acquireLock, type LockPlace } from "./scripts/acquire-lock.ts";
import { type LockGrantRef, releaseLock, renewLock } from "./scripts/renew-lock.ts";

export interface HeldLock {
  readonly holder: string;
  /** The fencing number: grows with every grant. */
  readonly token: number;
  /** Aborted, with LeaseLost as its reason, once the lock may be somebody else's. */
  readonly signal: AbortSignal;
  /**
   * Throws LeaseLost where the lock may be somebody else's. Asks the clock: in a process that was paused the signal is
   * aborted only after other things that had waited, too.
   */
  readonly check: () => void;
  release(): Promise<void>;
}

export interface LockRequest {
  readonly holder: string;
  readonly ttlMs: number;
}

export type LockAnswer =
  | { readonly outcome: "acquired"; readonly lock: HeldLock }
  /** `untilMs`: how long it will hold at least, if nobody renews it. */
  | { readonly outcome: "held"; readonly holder: string; readonly untilMs: number };

export async function takeLock(redis: Redis, place: LockPlace, { holder, ttlMs }: LockRequest): Promise<LockAnswer> {
  const sentAt = performance.now();
  const grant = await acquireLock(redis, place, holder, ttlMs);
  if (grant.outcome === "held") return { outcome: "held", holder: grant.holder, untilMs: grant.remainingMs };
  const { token } = grant;
  const ref = { key: place.key, holder, token };
  const heartbeat = startHeartbeat(redis, { ref, what: place.what, ttlMs, sentAt });
  const release = async (): Promise<void> => {
    heartbeat.stop();
    await releaseLock(redis, ref);
  };
  return { outcome: "acquired", lock: { holder, token, signal: heartbeat.lost, check: heartbeat.check, release } };
}

interface Life {
  readonly ref: LockGrantRef;
  readonly what: string;
  readonly ttlMs: number;
  readonly sentAt: number;
}

interface Heartbeat {
  readonly lost: AbortSignal;
  readonly check: () => void;
  stop(): void;
}

/**
 * Renews three times per life of the lock. One renewal that fails is followed by another; the lock counts as lost when
 * Redis says so, or when its life, counted from the moment at which the last good renewal was *sent*, is over.
 */
function startHeartbeat(redis: Redis, { ref, what, ttlMs, sentAt }: Life): Heartbeat {
  const lost = new AbortController();
  const stopped = new AbortController();
  let endsAt = sentAt + ttlMs;
  const lose = (): void => {
    if (!stopped.signal.aborted) lost.abort(new LeaseLost(what, `${capitalized(what)} was lost`));
    stopped.abort();
  };
  const left = (): number => endsAt - performance.now();
  let expiry = setTimeout(lose, left()).unref();
  const renewed = (at: number): void => {
    clearTimeout(expiry);
    endsAt = at + ttlMs;
    if (!stopped.signal.aborted) expiry = setTimeout(lose, left()).unref();
  };
  const check = (): void => {
    if (left() <= 0) lose();
    lost.signal.throwIfAborted();
  };
  const stop = (): void => {
    stopped.abort();
    clearTimeout(expiry);
  };
  void beat(redis, ref, ttlMs, { stopped: stopped.signal, renewed, lose });
  return { lost: lost.signal, check, stop };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
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
