// What a call of a model says of its endpoint's breaker, and what an open breaker says to whoever wants to call.
import { PermanentFailure, TransientFailure } from "../contracts/failure.ts";
import type { OpenBreaker, Verdict } from "../store/scripts/breaker.ts";

interface Caller {
  readonly signal: AbortSignal;
  readonly redact: (text: string) => string;
}

/** What the endpoint answers is a sign of life, whatever it says; what Redis or the lease say is none of its doing. */
export function verdictOf(error: unknown, { signal, redact }: Caller): Verdict {
  if (signal.aborted) return { verdict: "none" };
  if (error instanceof PermanentFailure) return { verdict: "alive" };
  if (!(error instanceof TransientFailure) || !error.code.startsWith("MODEL_")) return { verdict: "none" };
  const { code, message, retryAfterMs = 0 } = error;
  return { verdict: "failed", code, message: redact(message), waitMs: retryAfterMs };
}

/** Callers that wait for the same endpoint come back a little apart. */
const SPREAD_MS = 500;

/** Nothing was asked: the task waits outside of its runner, and uses up no attempt. `endpoint`: `namespace/name`. */
export function circuitOpen(endpoint: string, open: OpenBreaker, random: number): TransientFailure {
  const { failures, code, message, remainingMs } = open;
  const retryAfterMs = Math.round(remainingMs + SPREAD_MS * random);
  const seconds = Math.ceil(remainingMs / 1_000);
  const what = `ModelEndpoint ${endpoint} failed ${failures} times in a row and is asked again in ${seconds} s`;
  const details = { effect: "none", endpoint, lastCode: code };
  return new TransientFailure("MODEL_CIRCUIT_OPEN", `${what}; the last time: ${message}`, { details, retryAfterMs });
}
