// Bounds a call by its signal and its time-out, also where what is called minds neither.
import { timerMs } from "../../contracts/duration.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import { unlessAborted } from "../unless-aborted.ts";

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
  // By hand: `AbortSignal.any` costs several times as much, at each call.
  const either = new AbortController();
  const stop = (): void => either.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(() => either.abort(timedOut(limit)), timerMs(limit.ms + GRACE_MS));
  try {
    return await unlessAborted(() => call(either.signal), either.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function timedOut({ what, ms }: Limit): TransientFailure {
  return new TransientFailure("TOOL_TIMEOUT", `${what} did not answer within ${ms} ms`);
}
