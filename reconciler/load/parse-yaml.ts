// Parses YAML 1.2 (and so JSON) in small steps, within limits. Duplicate keys and aliases are left to the reader.
import { Composer, type Document, Lexer, type Node, Parser } from "yaml";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { Finding, Span } from "./finding.ts";
import { readPlainYaml } from "./read-plain-yaml.ts";
import { badEscapes } from "./repair-text.ts";

export interface YamlDocument {
  readonly text: string;
  readonly content: Node | null;
  readonly errors: readonly YamlError[];
}

export interface YamlError {
  readonly message: string;
  readonly span: Span;
}

export type ParseAnswer =
  | { readonly outcome: "parsed"; readonly documents: readonly YamlDocument[] }
  | { readonly outcome: "refused"; readonly finding: Finding };

const OPTIONS = { version: "1.2", schema: "core", uniqueKeys: false, merge: false, prettyErrors: false } as const;
/** One slip can make a thousand errors; the first ones are what an author can use. */
const ERRORS = 20;
const LEXEMES_PER_STEP = 2_000;
/** The parser keeps the stream, the document and the innermost scalar on its stack as well. */
const STACK = MANIFEST_LIMITS.depth + 2;

/**
 * Yields between steps of a few milliseconds. The lexer and the parser are driven by hand, because only so can a limit
 * stop them before the work is done: composing recurses, and a file of a megabyte can hold a million of anything.
 */
export function* parseYaml(text: string): Generator<void, ParseAnswer> {
  const plain = readPlainYaml(text);
  return plain === undefined ? yield* parseWholeYaml(text) : { outcome: "parsed", documents: [plain] };
}

/** For every YAML, also for what {@link readPlainYaml} reads. */
export function* parseWholeYaml(text: string): Generator<void, ParseAnswer> {
  const parser = new Parser();
  const composer = new Composer(OPTIONS);
  const documents: YamlDocument[] = [];
  const keep = (document: Document.Parsed): void => void documents.push(describe(document, text));
  let count = 0;
  let documentStart = 0;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    for (const token of parser.next(lexeme)) {
      if (token.type === "document") documentStart = count;
      compose(() => composer.next(token), keep);
    }
    const limit = exceeded(parser, count, count - documentStart, documents.length) ?? exceededBy(lexeme);
    if (limit !== undefined) return { outcome: "refused", finding: refusal(limit, parser.offset) };
    if (count % LEXEMES_PER_STEP === 0) yield;
  }
  for (const token of parser.end()) compose(() => composer.next(token), keep);
  compose(() => composer.end(false, text.length), keep);
  yield;
  return { outcome: "parsed", documents };
}

/**
 * A line of commas makes an error of each, and most of an error's cost is its stack trace, which nobody reads: without
 * them fifty thousand take a tenth of the time. The limit is restored before anything else can run.
 */
function compose(work: () => Iterable<Document.Parsed>, keep: (document: Document.Parsed) => void): void {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    for (const document of work()) keep(document);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function exceeded(parser: Parser, inFile: number, inDocument: number, documents: number): string | undefined {
  if (parser.stack.length > STACK) return `more than ${MANIFEST_LIMITS.depth} levels of nesting`;
  if (documents > MANIFEST_LIMITS.documentsPerFile) return `more than ${MANIFEST_LIMITS.documentsPerFile} documents`;
  if (inDocument > MANIFEST_LIMITS.lexemesPerDocument) return "a document with too many keys and values";
  return inFile > MANIFEST_LIMITS.lexemesPerFile ? "too many keys and values" : undefined;
}

function exceededBy(lexeme: string): string | undefined {
  const isLong = lexeme.startsWith('"') && lexeme.length > MANIFEST_LIMITS.badEscapes;
  return isLong && badEscapes(lexeme) > MANIFEST_LIMITS.badEscapes
    ? `more than ${MANIFEST_LIMITS.badEscapes} escapes in one text that YAML does not know`
    : undefined;
}

function refusal(what: string, offset: number): Finding {
  return {
    severity: "error",
    code: "LIMIT",
    summary: `the file has ${what}`,
    detail: "No manifest needs that. Split the file, or move what is no manifest elsewhere.",
    span: { start: offset, end: offset + 1 },
  };
}

function describe(document: Document.Parsed, text: string): YamlDocument {
  const errors = document.errors
    .slice(0, ERRORS)
    .map(({ message, pos: [start, end] }) => ({ message, span: { start, end } }));
  return { text, content: document.contents, errors };
}
