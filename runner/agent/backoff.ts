// How long to wait before the next try: exponential with full jitter, never shorter than what the other side asked for.

export interface Backoff {
  /** Tries, the first included. */
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/** `failures` counts from 1; `random` is in [0, 1). undefined: no try is left, or the other side asks for too long a wait. */
export function nextDelayMs(
  backoff: Backoff,
  failures: number,
  retryAfterMs: number | undefined,
  random: number,
): number | undefined {
  if (failures >= backoff.maxAttempts) return undefined;
  const ceiling = Math.min(backoff.maxBackoffMs, backoff.backoffMs * 2 ** (failures - 1));
  if (retryAfterMs === undefined) return Math.round(ceiling * random);
  return retryAfterMs > backoff.maxBackoffMs ? undefined : Math.round(retryAfterMs + ceiling * random);
}
