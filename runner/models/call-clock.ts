// Bounds one provider call in time, and tells afterwards why it stopped: an abort by the caller, or the time-out.

export interface CallClock {
  readonly signal: AbortSignal;
  /** Which of the two ended the call; undefined where neither did. */
  stoppedBy(): "caller" | "timeout" | undefined;
  stop(): void;
}

/** The SDKs' own time-outs start anew with the first byte; this one is for the whole call. */
export function startClock(caller: AbortSignal, timeoutMs: number): CallClock {
  const call = new AbortController();
  const abort = (): void => call.abort(caller.reason);
  if (caller.aborted) abort();
  caller.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => call.abort(), timeoutMs);
  return {
    signal: call.signal,
    stoppedBy: () => (caller.aborted ? "caller" : call.signal.aborted ? "timeout" : undefined),
    stop: () => {
      clearTimeout(timer);
      caller.removeEventListener("abort", abort);
    },
  };
}
