// Reads one file: text, YAML, documents, findings with their frames. What comes out does not depend on the file's name.
import type { Node } from "yaml";
import type { KindName } from "../../contracts/address.ts";
import { findLikelyCredentials, type LikelyCredential } from "../../contracts/likely-credential.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Problem } from "../../contracts/problem.ts";
import { mayHoldCredential } from "../../contracts/sensitive.ts";
import { checkCredentials, checkRules } from "./check-rules.ts";
import { checkSchema } from "./check-schema.ts";
import { createSpellingBook, DocumentReader, type SpellingBook } from "./document-reader.ts";
import type { Finding, Span } from "./finding.ts";
import { type Examined, toProblem, toProblems } from "./frames.ts";
import { type LineColumn, Lines } from "./lines.ts";
import { parseYaml, type YamlDocument } from "./parse-yaml.ts";
import { manifestNodes, readDocument } from "./read-document.ts";
import { readText } from "./read-text.ts";
import { repairText } from "./repair-text.ts";
import { reportCredentials } from "./report-credentials.ts";

/** A problem that does not know its file yet. */
export type FileProblem = Omit<Problem, "file" | "related">;

export interface ReadManifest {
  readonly kind: KindName;
  /** undefined where not even the name can be read. */
  readonly manifest: Manifest | undefined;
  /** It has no errors of its own. */
  readonly valid: boolean;
  readonly kindPlace: LineColumn;
  /** Where the values of the manifest stand, by JSON pointer: all of them, or one. Made when asked for: most are never. */
  readonly places: () => ReadonlyMap<string, LineColumn>;
  readonly placeOf: (pointer: string) => LineColumn | undefined;
}

export interface FileReading {
  readonly manifests: readonly ReadManifest[];
  readonly problems: readonly FileProblem[];
  /** Documents that are manifests, valid or not. */
  readonly manifestCount: number;
  /** Whether its text may hold a credential ({@link mayHoldCredential}); absent: nobody has looked. */
  readonly suspicious?: boolean;
}

/** What reading any file needs, made once for a loader. */
export interface ReadingKit {
  readonly spellings: SpellingBook;
}

export function createReadingKit(): ReadingKit {
  return { spellings: createSpellingBook() };
}

export function* readFile(bytes: Uint8Array, kit: ReadingKit): Generator<void, FileReading> {
  const answer = readText(bytes);
  if (answer.outcome === "foreign") return { manifests: [], problems: [NOT_A_MANIFEST], manifestCount: 0 };
  const { text } = answer;
  if (answer.outcome === "refused") return refusedFile(text, answer.finding);
  const parsed = yield* parseYaml(text);
  if (parsed.outcome === "refused") return refusedFile(text, parsed.finding);
  const documents = yield* repaired(text, parsed.documents);
  return yield* readDocuments(text, documents, kit);
}

const NOT_A_MANIFEST: FileProblem = {
  severity: "warning",
  code: "NOT_A_MANIFEST",
  summary: "the file has no `kind` and is skipped",
  detail: "",
  line: 1,
  column: 1,
};

function refusedFile(text: string, finding: Finding): FileReading {
  // The file could not be read to its end, so nobody knows which of its lines are secret: no frame.
  return { manifests: [], problems: [toProblem(finding, new Lines(text))], manifestCount: 1 };
}

interface ReadableDocument extends YamlDocument {
  /** The errors of the text as it stands, where this document was read from a repaired one. */
  readonly repairs: YamlDocument["errors"];
}

/** Documents that YAML refuses are read a second time, from text in which such values stand in quotes. */
function* repaired(text: string, documents: readonly YamlDocument[]): Generator<void, readonly ReadableDocument[]> {
  const plain = documents.map(({ text: own, content, errors }) => ({ text: own, content, errors, repairs: [] }));
  if (documents.every(({ errors }) => errors.length === 0)) return plain;
  const second = yield* parseYaml(repairText(text));
  if (second.outcome === "refused" || second.documents.length !== documents.length) return plain;
  return plain.map((document, index) => {
    const other = second.documents[index];
    if (other === undefined || document.errors.length === 0 || other.errors.length > 0) return document;
    return { ...other, repairs: document.errors };
  });
}

function* readDocuments(
  text: string,
  documents: readonly ReadableDocument[],
  kit: ReadingKit,
): Generator<void, FileReading> {
  const lines = new Lines(text);
  const read: ReadOne[] = [];
  const suspicious = mayHoldCredential(text);
  const credentials = suspicious ? credentialsByNode(documents) : NOWHERE;
  for (const document of documents) {
    const own = document.text === text ? lines : new Lines(document.text);
    for (const node of manifestNodes(document.content)) {
      read.push(yield* readOne(document, node, { lines: own, credentials: credentials.get(node) ?? [] }, kit));
      yield;
    }
  }
  const manifests = read.map(({ found }) => found).filter((found) => found !== undefined);
  return {
    manifests,
    problems: toProblems(read, text),
    suspicious,
    manifestCount: read.filter(({ isManifest }) => isManifest).length,
  };
}

interface ReadOne extends Examined {
  readonly isManifest: boolean;
  readonly found: ReadManifest | undefined;
}

type CredentialsByNode = ReadonlyMap<Node | null, readonly LikelyCredential[]>;
const NOWHERE: CredentialsByNode = new Map();

/** Each to the document that it stands in or before; what comes after the last one, to that. */
function credentialsByNode(documents: readonly ReadableDocument[]): CredentialsByNode {
  const nodes = documents.flatMap(({ text, content }) => manifestNodes(content).map((node) => ({ text, node })));
  const found = new Map<Node | null, readonly LikelyCredential[]>();
  let begin = 0;
  for (const [index, { text, node }] of nodes.entries()) {
    const end = index === nodes.length - 1 ? text.length : (node?.range?.[1] ?? begin);
    found.set(node, findLikelyCredentials(text, begin, end));
    begin = end;
  }
  return found;
}

interface Around {
  readonly lines: Lines;
  /** What looks like one in the document, or in the comments before it. */
  readonly credentials: readonly LikelyCredential[];
}

function* readOne(
  document: ReadableDocument,
  node: Node | null,
  { lines, credentials }: Around,
  kit: ReadingKit,
): Generator<void, ReadOne> {
  const reader = new DocumentReader(document, kit.spellings);
  const reading = readDocument(reader, node);
  yield;
  const isManifest = reading.outcome === "read" || reading.isManifest;
  reportSyntax(reader, document, isManifest);
  const span = reader.spanOf(node, { start: 0, end: document.text.length });
  const broken = document.errors.length > 0;
  if (reading.outcome === "skipped") {
    reportCredentials(reader, undefined, credentials);
    return { reader, lines, span, broken, isManifest, manifest: undefined, found: undefined };
  }
  const { kind, kindSpan, manifest } = reading;
  if (manifest !== undefined) checkManifest(reader, manifest, kindSpan);
  reportCredentials(reader, manifest, credentials);
  yield;
  const places = (): ReadonlyMap<string, LineColumn> =>
    new Map([...reader.spans].map(([pointer, at]) => [pointer, lines.at(at.start)]));
  const placeOf = (pointer: string): LineColumn | undefined => {
    const at = reader.spans.get(pointer);
    return at === undefined ? undefined : lines.at(at.start);
  };
  const valid = manifest !== undefined && errorCount(reader) === 0;
  const found = { kind, manifest, valid, kindPlace: lines.at(kindSpan.start), places, placeOf };
  return { reader, lines, span, broken, isManifest, manifest, found };
}

function checkManifest(reader: DocumentReader, manifest: Manifest, kindSpan: Span): void {
  checkCredentials(reader, manifest, kindSpan);
  checkSchema(reader, manifest, kindSpan);
  const fits = !reader.findings.some(({ severity, code }) => severity === "error" && code === "SCHEMA");
  if (fits) checkRules(reader, manifest, kindSpan);
}

/** Documents for others may be as broken as they like, as long as it is sure that they are for others. */
function reportSyntax(reader: DocumentReader, document: ReadableDocument, isManifest: boolean): void {
  for (const { message, span } of document.errors) {
    const severity = isManifest || document.content === null ? "error" : "warning";
    reader.report(severity, "SYNTAX", span, syntaxSentence(message), "");
  }
  for (const { message, span } of document.repairs) {
    const detail = `YAML refuses it (${syntaxSentence(message)}). Put it in quotes.`;
    reader.complain("SYNTAX", span, "the line is read as plain text, as Orloj does", detail);
  }
}

function syntaxSentence(message: string): string {
  const [first = message] = message.split("\n");
  return first.charAt(0).toLowerCase() + first.slice(1);
}

function errorCount(reader: DocumentReader): number {
  return reader.findings.filter(({ severity }) => severity === "error").length;
}
