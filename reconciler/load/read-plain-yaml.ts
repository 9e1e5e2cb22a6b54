// Reads the plain part of YAML, in which most manifests are written: maps of one-line values, lists of such values, and
// literal texts. Answers undefined for everything else, however harmless: the whole reader decides about that. What it
// answers are the nodes that the whole reader would make, in a tenth of the time. Pure.
import { Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import type { YamlDocument } from "./parse-yaml.ts";
import { makeMap, makePair, makeScalar, makeSeq, type PlainNode } from "./plain-nodes.ts";
import { coreValue } from "./read-scalar.ts";

const PLAIN_LIMITS = {
  /** Far below what the limits of parse-yaml.ts would refuse: whatever is short enough passes them. */
  characters: 16 * 1024,
  depth: 16,
} as const;

/** No tab, no carriage return, nothing invisible; a line that begins with a mark of documents is looked at elsewhere. */
const PLAIN_TEXT = /^[\n -~\u00a1-\u1fff\u3000-\ud7ff]*$/;
const DOCUMENT_MARK = /^(?:---|\.\.\.|%)/m;
const LEADING = /^(?:#[ -~]*\n|\n)*/;
const KEY = /^( *)([A-Za-z_][A-Za-z0-9_./-]*):(?: ([^ ].*))?$/;
const ITEM = /^( *)- ([^ ].*)$/;
/** Words that YAML takes for something else than text. */
const WORD = /^(?:null|true|false|yes|no|on|off|y|n)$/i;
/** A plain scalar that ends with its line: no quotes, no flow, no comment, and no colon that could begin a value. */
const VALUE = /^[A-Za-z0-9_./](?:[^\n:#'"`[\]{}&*!|>%@?]|:(?=[^ \n])|(?<! )#)*$/;

const { PLAIN, BLOCK_LITERAL } = Scalar;

/** The only document of the text, without an error in it. */
export function readPlainYaml(text: string): YamlDocument | undefined {
  if (text.length > PLAIN_LIMITS.characters || !text.endsWith("\n")) return undefined;
  if (!PLAIN_TEXT.test(text) || DOCUMENT_MARK.test(text)) return undefined;
  const start = LEADING.exec(text)?.[0].length ?? 0;
  const lines = new PlainLines(text, start);
  const content = lines.line === undefined ? undefined : readMap(lines, 0, 1);
  return content === undefined || lines.line !== undefined ? undefined : { text, content, errors: [] };
}

/** Goes through the lines of a text. */
class PlainLines {
  readonly text: string;
  /** Where the line begins, and where the next one does. */
  start: number;
  next = 0;
  /** undefined: behind the last one. */
  line: string | undefined;

  constructor(text: string, start: number) {
    this.text = text;
    this.start = start;
    this.take(start);
  }

  advance(): void {
    this.take(this.next);
  }

  private take(start: number): void {
    this.start = start;
    const end = this.text.indexOf("\n", start);
    this.line = end === -1 ? undefined : this.text.slice(start, end);
    this.next = end + 1;
  }
}

function readMap(lines: PlainLines, indent: number, depth: number): YAMLMap | undefined {
  if (depth > PLAIN_LIMITS.depth) return undefined;
  const map = makeMap();
  const start = lines.start + indent;
  for (;;) {
    const found = lines.line === undefined ? null : KEY.exec(lines.line);
    const [, spaces = "", key = "", value] = found ?? [];
    if (found === null || spaces.length !== indent) break;
    if (WORD.test(key)) return undefined;
    const at = lines.start + indent;
    const node = readAfterKey(lines, { value, at: at + key.length + 2, indent, depth });
    if (node === undefined) return undefined;
    map.items.push(makePair(scalarAt(key, at), node));
  }
  if (map.items.length === 0 || isDeeper(lines, indent)) return undefined;
  map.range = rangeOf(start, lines.start);
  return map;
}

interface AfterKey {
  /** What stands behind the key, in its line. */
  readonly value: string | undefined;
  readonly at: number;
  readonly indent: number;
  readonly depth: number;
}

/** Leaves the lines behind the value. */
function readAfterKey(lines: PlainLines, { value, at, indent, depth }: AfterKey): PlainNode | undefined {
  lines.advance();
  if (value === "|" || value === "|-") return readLiteral(lines, { header: value, at, indent });
  if (value !== undefined) return readValue(value, at);
  const below = indentOf(lines.line);
  if (below === undefined || below <= indent) return undefined;
  return ITEM.test(lines.line ?? "") ? readSeq(lines, below) : readMap(lines, below, depth + 1);
}

function readSeq(lines: PlainLines, indent: number): YAMLSeq | undefined {
  const seq = makeSeq();
  const start = lines.start + indent;
  for (;;) {
    const found = lines.line === undefined ? null : ITEM.exec(lines.line);
    const [, spaces = "", value = ""] = found ?? [];
    if (found === null || spaces.length !== indent) break;
    const item = readValue(value, lines.start + indent + 2);
    if (item === undefined) return undefined;
    seq.items.push(item);
    lines.advance();
  }
  if (isDeeper(lines, indent - 1)) return undefined;
  seq.range = rangeOf(start, lines.start);
  return seq;
}

interface Literal {
  readonly header: string;
  readonly at: number;
  /** Of the key that it belongs to. */
  readonly indent: number;
}

/** Empty lines within it are part of the text; behind it they could belong to nobody, and are refused. */
function readLiteral(lines: PlainLines, { header, at, indent }: Literal): Scalar | undefined {
  const own = indentOf(lines.line);
  if (own === undefined || own <= indent) return undefined;
  const read: string[] = [];
  for (; lines.line !== undefined; lines.advance()) {
    const { line } = lines;
    if (line === "") read.push("");
    else if ((indentOf(line) ?? 0) >= own) read.push(line.slice(own));
    else break;
  }
  // A line of spaces alone, or one that is too far out to be in and too far in to be out.
  if (read.at(-1) === "" || isDeeper(lines, indent)) return undefined;
  if (read.some((line) => line !== "" && line.trim() === "")) return undefined;
  const text = read.join("\n");
  const value = header === "|" ? `${text}\n` : text;
  return makeScalar({ type: BLOCK_LITERAL, source: value, value, range: rangeOf(at, lines.start) });
}

/** undefined: no line, or one without anything in it. */
function indentOf(line: string | undefined): number | undefined {
  const indent = line?.search(/[^ ]/) ?? -1;
  return indent === -1 ? undefined : indent;
}

/** Whether the line goes on with what was read so far, or is of no use to anybody: both are for the whole reader. */
function isDeeper({ line }: PlainLines, indent: number): boolean {
  return line !== undefined && (indentOf(line) ?? Number.POSITIVE_INFINITY) > indent;
}

/** What YAML reads as a number that JSON cannot hold is left to the whole reader, too. */
function readValue(text: string, at: number): Scalar | undefined {
  if (!VALUE.test(text) || text.endsWith(" ")) return undefined;
  const scalar = scalarAt(text, at);
  return scalar.value === undefined ? undefined : scalar;
}

function scalarAt(text: string, start: number): Scalar {
  const range = rangeOf(start, start + text.length);
  const scalar = makeScalar({ type: PLAIN, source: text, value: text, range });
  scalar.value = coreValue(scalar);
  return scalar;
}

/** The third figure is where white space and comments behind a value end: nobody asks for it. */
function rangeOf(start: number, end: number): [number, number, number] {
  return [start, end, end];
}
