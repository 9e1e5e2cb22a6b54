// Bounds a call by its signal and its time-out, also where what is called minds neither.
import { timerMs } from "../../contracts/duration.ts";
import { TransientFailure } from "../../contracts/failure.ts";

/** Adapters end their own calls first, with a better message; this is for those that do not. */
const GRACE_MS = 500;

interface Limit {
  readonly ms: number;
  readonly what: string;
}

/**
 * Runs `call` with a signal that aborts with `signal`, or when the time is over. Throws the signal's reason or the
 * time-out at once; what the call answers afterwards is dropped.
 */
export async function within<T>(
  signal: AbortSignal,
  limit: Limit,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  // By hand: `AbortSignal.any`, and a listener more, cost several times as much as the rest, at each call.
  const either = new AbortController();
  return new Promise((resolve, reject) => {
    const end = (reason: unknown): void => {
      either.abort(reason);
      settle(() => reject(reason));
    };
    const stop = (): void => end(signal.reason);
    const timer = setTimeout(() => end(timedOut(limit)), timerMs(limit.ms + GRACE_MS));
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      how();
    };
    signal.addEventListener("abort", stop, { once: true });
    // Also what throws before it gives a promise leaves no timer behind.
    const called = (async () => call(either.signal))();
    called.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function timedOut({ what, ms }: Limit): TransientFailure {
  return new TransientFailure("TOOL_TIMEOUT", `${what} did not answer within ${ms} ms`);
}
