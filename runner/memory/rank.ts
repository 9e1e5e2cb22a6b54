// Ranks entries by the words that they share with a query. Pure.

/** Words of any script, in lower case, each once. */
export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu),
  );
}

/** From 0 to 1: the part of the query's words that `text` holds; a word that only begins one of them counts half. */
export function scoreOf(query: ReadonlySet<string>, text: string): number {
  if (query.size === 0) return 0;
  const words = wordsOf(text);
  let total = 0;
  for (const word of query) {
    if (words.has(word)) total += 1;
    else if (word.length > 2 && [...words].some((other) => other.startsWith(word))) total += 0.5;
  }
  return total / query.size;
}

export interface Ranked {
  readonly score: number;
  readonly key: string;
}

/** Better first; among equals by key, so that the same memory gives the same answer. */
export function compareRanked(a: Ranked, b: Ranked): number {
  return b.score - a.score || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
