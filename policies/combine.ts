// Puts the verdicts of the pinned and of the live policies together: the stricter one wins, all reasons are kept.
import { strictestAsk } from "./approval.ts";
import type { Reason, Verdict } from "./request.ts";

/** `pinned` is what the task was made with, `live` what the environment says now. */
export function combineVerdicts(pinned: Verdict, live: Verdict): Verdict {
  const [stricter, other] = weight(live) > weight(pinned) ? [live, pinned] : [pinned, live];
  if (stricter.effect === "allow") return stricter;
  const reasons = mergeReasons(stricter.reasons, other.effect === "allow" ? [] : other.reasons);
  if (stricter.effect === "ask" && other.effect === "ask" && other.enforced === stricter.enforced) {
    const { onViolation, approval } = strictestAsk(stricter, other);
    return { ...stricter, reasons, onViolation, approval };
  }
  if (stricter.effect === "ask" || other.effect !== "deny" || !other.enforced) return { ...stricter, reasons };
  const stops = stricter.onViolation === "stop" || other.onViolation === "stop";
  return { ...stricter, reasons, onViolation: stops ? "stop" : "refuse" };
}

function weight(verdict: Verdict): number {
  if (verdict.effect === "allow") return 0;
  return (verdict.effect === "deny" ? 2 : 1) + (verdict.enforced ? 2 : 0);
}

function mergeReasons(first: readonly Reason[], second: readonly Reason[]): Reason[] {
  const seen = new Set(first.map(keyOf));
  return [...first, ...second.filter((reason) => !seen.has(keyOf(reason)))];
}

function keyOf({ policy, rule, message }: Reason): string {
  return JSON.stringify([policy, rule, message]);
}
