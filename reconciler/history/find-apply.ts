// Which apply of the past a person means: by its number, or by the commit that it applied. Pure.
import type { HistoryEntry } from "../../store/history.ts";

export type FoundApply<E> =
  | { readonly outcome: "found"; readonly entry: E }
  /** No kept apply has this number or commit. */
  | { readonly outcome: "unknown" }
  /** The beginning of several commits. */
  | { readonly outcome: "ambiguous"; readonly commits: readonly string[] };

/** Shorter beginnings of a commit say nothing. */
const MIN_SHA = 4;

/** `entries` newest first: of several applies of one commit the newest is meant. A number that no apply has may be a sha. */
export function findApply<E extends Pick<HistoryEntry, "serial" | "commit">>(
  entries: readonly E[],
  wanted: string,
): FoundApply<E> {
  const word = wanted.replace(/^#/, "").toLowerCase();
  const numbered = /^\d+$/.test(word) ? entries.find(({ serial }) => serial === Number(word)) : undefined;
  if (numbered !== undefined) return { outcome: "found", entry: numbered };
  if (!/^[0-9a-f]+$/.test(word) || word.length < MIN_SHA) return { outcome: "unknown" };
  const found = entries.filter(({ commit }) => commit?.startsWith(word) === true);
  const commits = [...new Set(found.map(({ commit }) => commit ?? ""))];
  if (commits.length > 1) return { outcome: "ambiguous", commits };
  const [entry] = found;
  return entry === undefined ? { outcome: "unknown" } : { outcome: "found", entry };
}
