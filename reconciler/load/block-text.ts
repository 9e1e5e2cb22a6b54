// Where a line of a text stands that YAML holds as a literal block: `|`, and below it the text's own lines.
import type { Span } from "./finding.ts";

const HEADER = /^\|[-+0-9]*[ \t]*(?:#[^\n]*)?\r?\n/;

/** Within `source`, which is the block as it is written; undefined: it is none, or has no such line (from 1). */
export function spanOfLine(source: string, line: number): Span | undefined {
  const header = HEADER.exec(source)?.[0];
  if (header === undefined) return undefined;
  let start = header.length;
  for (let at = 1; at < line; at += 1) {
    const end = source.indexOf("\n", start);
    if (end === -1) return undefined;
    start = end + 1;
  }
  const text = /^[ \t]*([^\r\n]*)/.exec(source.slice(start));
  if (text === null || text[1] === "") return undefined;
  const [whole, words = ""] = text;
  return { start: start + whole.length - words.length, end: start + whole.length };
}
