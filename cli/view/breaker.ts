// A model endpoint's breaker in few words.
import { renderDuration } from "../../contracts/duration.ts";
import type { Breaker } from "../../store/breakers.ts";

export function breakerSentence(breaker: Breaker | undefined): string {
  if (breaker === undefined) return "closed";
  const { state, failures, remainingMs, lastFailure } = breaker;
  const next = {
    open: `, asked again in ${renderDuration(remainingMs)}`,
    "half-open": ", the next call is a probe",
    closed: "",
  }[state];
  return `${state}${next}; ${failures} ${failures === 1 ? "failure" : "failures in a row"}, the last at ${lastFailure.at}: ${lastFailure.code}: ${lastFailure.message}`;
}
