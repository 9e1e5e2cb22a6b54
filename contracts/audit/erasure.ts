// Erasing what was said in a task, without its chain: an event keeps its place, its hash and the facts of this list, and
// loses everything else. What is left cannot be held against its hash any more, so the audit log says which events may be
// like that, by a digest of what is left of them. Pure.
import { digestOf } from "../canonical.ts";

/** Of a trace; that file imports this one. */
type Event = Readonly<Record<string, unknown>>;

/** Facts, numbers and digests: nothing that a person, a model or a tool has written. */
const KEPT: ReadonlySet<string> = new Set(
  [
    "seq at task activation agent epoch attempt type turn step prev hash decisionId point effect code enforced",
    "micros policyDigest livePolicyDigest tool callId model provider endpoint definitionDigest argumentsDigest",
    "requestDigest idempotencyKey resultDigest resultBytes textDigest textBytes isError retryable inputTokens",
    "outputTokens reservedTokens reserveTokens costUsd latencyMs finishReason approval binding answer about by",
    "runner from afterMs inMs system snapshot plan source artifact artifactBytes artifactDigest",
  ].flatMap((names) => names.split(" ")),
);

export function isErased(event: Event): boolean {
  return event["erased"] === true;
}

/** The same event where there is nothing to erase. */
export function eraseEvent<E extends Event>(event: E): E {
  const entries = Object.entries(event);
  const kept = entries.filter(([name]) => KEPT.has(name));
  if (kept.length === entries.length || isErased(event)) return event;
  return { ...(Object.fromEntries(kept) as E), erased: true };
}

/** Names what is left of the erased events of a trace, in their order. */
export function digestErased(events: readonly Event[]): string {
  return digestOf(events.filter(isErased));
}
