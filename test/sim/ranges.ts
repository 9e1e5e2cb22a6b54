// What commands choose of sorted sets, lists and streams.
import type { Reply, ValueOf } from "./keyspace.ts";

export function sortedOf({ scores }: ValueOf<"zset">, reversed = false): [string, number][] {
  const sorted = [...scores].toSorted(([left, a], [right, b]) => a - b || (left < right ? -1 : 1));
  return reversed ? sorted.toReversed() : sorted;
}

/** Both ends included; negative ones count from the end. */
export function rangeOf<T>(items: readonly T[], from: number, to: number): T[] {
  const place = (at: number): number => (at < 0 ? items.length + at : at);
  return items.slice(Math.max(0, place(from)), Math.max(0, place(to) + 1));
}

export function bound(text: string): number {
  if (text === "-inf") return -Infinity;
  return text === "+inf" ? Infinity : Number(text);
}

export function sequence(id: string): number {
  return Number(id.split("-", 1)[0]);
}

export function xrange(
  { entries }: ValueOf<"stream">,
  [from = "-", to = "+", ...options]: readonly string[],
  newestFirst = false,
): Reply {
  const isOpen = from.startsWith("(");
  const first = from === "-" ? 0 : sequence(isOpen ? from.slice(1) : from) + (isOpen ? 1 : 0);
  const last = to === "+" ? Infinity : sequence(to);
  const count = options[0]?.toUpperCase() === "COUNT" ? Number(options[1]) : Infinity;
  const found = entries.filter(([id]) => sequence(id) >= first && sequence(id) <= last);
  return (newestFirst ? found.toReversed() : found).slice(0, count).map(([id, fields]) => [id, fields]);
}
