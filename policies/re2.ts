// RE2 patterns of manifests: compiled within bounds. RE2 is linear in the text, times the size of the program that a
// pattern becomes; both are bounded wherever one is used.
import { RE2JS } from "re2js";

export type Re2 = RE2JS;

/** Of all counted repetitions of a pattern together: each is written out when the pattern is compiled. */
const MAX_REPEATS = 500;

/** undefined: no RE2, longer than `maxCharacters`, or with more repetitions than should be written out. */
export function compileRe2(pattern: string, maxCharacters: number): Re2 | undefined {
  if (pattern.length > maxCharacters || countRepeats(pattern) > MAX_REPEATS) return undefined;
  try {
    return RE2JS.compile(pattern);
  } catch {
    // Whatever is wrong with it: the caller says where it stands.
    return undefined;
  }
}

/** What a search costs at most: each character, in each state of the program. */
export function searchSteps(pattern: Re2, text: string): number {
  return 1 + text.length * pattern.programSize();
}

/** Steps of one search that holds nothing up: some 40 ms on a slow core. */
export const MAX_SEARCH = 1_000_000;

/** Of `{2,63}` 63; the sum over a pattern. */
function countRepeats(pattern: string): number {
  const bounds = [...pattern.matchAll(/\{(\d*),?(\d*)\}/g)].map(([, low, high]) => Number(high || low));
  return bounds.reduce((sum, bound) => sum + bound, 0);
}
