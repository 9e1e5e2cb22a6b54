// How long to wait before the next try: exponential, spread by its jitter, never shorter than what the other side asked
// for. Pure.
import type { Jitter } from "../../contracts/task-rules.ts";

export interface Backoff {
  /** Tries, the first included. */
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** Absent: full. */
  readonly jitter?: Jitter;
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
  if (retryAfterMs === undefined) return Math.round(ceiling * spread(backoff.jitter ?? "full", random));
  return retryAfterMs > backoff.maxBackoffMs ? undefined : Math.round(retryAfterMs + ceiling * random);
}

/** Which part of the wait is taken: all of it, any of it, or one half and any of the other. */
function spread(jitter: Jitter, random: number): number {
  switch (jitter) {
    case "none":
      return 1;
    case "full":
      return random;
    case "equal":
      return (1 + random) / 2;
  }
}
