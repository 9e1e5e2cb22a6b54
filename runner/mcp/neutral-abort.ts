// What every server is told of a call beside its arguments, whichever SDK tells it.

/** Under this key of a call's `_meta` a server finds the same value for every try of one step. */
export const IDEMPOTENCY_META = "countwheel.dev/idempotency-key";

/** The only reason that a server is told: ours may name people and tasks. */
const NEUTRAL_REASON = "cancelled";

export async function withNeutralAbort<T>(signal: AbortSignal, work: (neutral: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const abort = (): void => controller.abort(NEUTRAL_REASON);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
