// Finds what an author probably meant.
import { distance } from "fastest-levenshtein";

/** The candidate nearest to `text`, if it is near enough to be a slip. The same candidates in any order give the same answer. */
export function nearMatch(text: string, candidates: Iterable<string>): string | undefined {
  const wanted = text.toLowerCase();
  const reach = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  let best: string | undefined;
  let bestDistance = reach + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance + 1) continue;
    const far = distance(wanted, candidate.toLowerCase());
    if (far < bestDistance || (far === bestDistance && best !== undefined && candidate < best)) {
      best = candidate;
      bestDistance = far;
    }
  }
  return best;
}

/** `Did you mean …?`, or nothing where there is no near match. */
export function didYouMean(text: string, candidates: Iterable<string>): string {
  const near = nearMatch(text, candidates);
  return near === undefined ? "" : `Did you mean \`${near}\`?`;
}
