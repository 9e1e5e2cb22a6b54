// Reads an overlay's file into patches: one document, one patch. Field names may be spelt as in manifests, and values are
// read by the kind's own schema, so that `1.10` stays a text where the field is one.
import { isMap, isScalar, type Node } from "yaml";
import {
  type Address,
  addressOf,
  DEFAULT_NAMESPACE,
  isName,
  KIND_NAMES,
  type KindName,
} from "../../contracts/address.ts";
import { KINDS, readKind } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Place, Problem } from "../../contracts/problem.ts";
import type { Schema } from "../../contracts/schema.ts";
import { canonicalField, plainKey, readApiVersion } from "../../contracts/spellings.ts";
import type { SourceFile } from "../load/desired-set.ts";
import { createSpellingBook, DocumentReader, type Field, type SpellingBook } from "../load/document-reader.ts";
import { quote, type Span } from "../load/finding.ts";
import { type Examined, toProblems } from "../load/frames.ts";
import { Lines } from "../load/lines.ts";
import { didYouMean } from "../load/near-match.ts";
import { runAtOnce } from "../load/pacer.ts";
import { parseYaml, type YamlDocument } from "../load/parse-yaml.ts";
import { manifestNodes } from "../load/read-document.ts";
import { isNothing, typedText } from "../load/read-scalar.ts";
import { readText } from "../load/read-text.ts";
import { readValue } from "../load/read-value.ts";
import { type Spot, spotBelow } from "../load/spot.ts";
import type { Patch } from "./apply-overlays.ts";
import type { JsonObject } from "./merge-patch.ts";

export interface PatchReading {
  readonly patches: readonly Patch[];
  /** Whom the patches are for that cannot be applied; null: nobody knows. */
  readonly broken: readonly (Address | null)[];
  readonly problems: readonly Problem[];
}

/** Everything in an overlay is meant for us: what cannot be read as a patch is an error, never passed over. */
export function readPatches({ path, bytes }: SourceFile): PatchReading {
  const answer = readText(bytes);
  if (answer.outcome !== "text") {
    const summary = answer.outcome === "foreign" ? "the file holds no patch" : answer.finding.summary;
    return unreadable(path, summary);
  }
  const { text } = answer;
  const parsed = runAtOnce(parseYaml(text));
  if (parsed.outcome === "refused") return unreadable(path, parsed.finding.summary);
  const spellings = createSpellingBook();
  const lines = new Lines(text);
  const read = parsed.documents
    .flatMap((document) => manifestNodes(document.content).map((node) => [document, node] as const))
    .filter(([document, node]) => node !== null || document.errors.length > 0)
    .map(([document, node]) => readOne({ document, node, spellings, lines, path }));
  const unread = read.some(({ manifest }) => manifest === undefined);
  // Where a patch cannot be read nobody knows which of its lines are credentials.
  const problems = toProblems(read, text).map(
    ({ frame, ...problem }): Problem =>
      unread || frame === undefined ? { ...problem, file: path } : { ...problem, file: path, frame },
  );
  const broken = read.filter(({ patch }) => patch === undefined).map(({ target }) => target ?? null);
  return { patches: read.flatMap(({ patch }) => patch ?? []), broken, problems };
}

interface OneDocument {
  readonly document: YamlDocument;
  readonly node: Node | null;
  readonly spellings: SpellingBook;
  readonly lines: Lines;
  readonly path: string;
}

interface ReadOne extends Examined {
  readonly target?: Address;
  readonly patch?: Patch;
}

function readOne({ document, node, spellings, lines, path }: OneDocument): ReadOne {
  const reader = new DocumentReader(document, spellings);
  for (const { message, span } of document.errors) reader.report("error", "SYNTAX", span, message.split("\n")[0] ?? "");
  const span = reader.spanOf(node, { start: 0, end: document.text.length });
  const read = readPatch(reader, node, span);
  const examined = { reader, lines, span, broken: document.errors.length > 0 };
  if (read === undefined) return examined;
  const { kindSpan, entered, value } = read;
  // So that no frame shows what the patch sets as a credential.
  const manifest = { apiVersion: reader.apiVersion, kind: read.kind, ...value } as Manifest;
  if (reader.findings.some(({ severity }) => severity === "error"))
    return { ...examined, manifest, target: read.target };
  const placeAt = (at: Span): Place => ({ file: path, ...lines.at(at.start) });
  const places = new Map([...reader.spans].map(([pointer, at]) => [pointer, placeAt(at)]));
  for (const pointer of entered) places.delete(pointer);
  const { target, apiVersion } = read;
  const patch = {
    target,
    value,
    place: placeAt(kindSpan),
    places,
    ...(apiVersion === undefined ? {} : { apiVersion }),
  };
  return { ...examined, manifest, patch };
}

interface ReadPatch extends Pick<Patch, "target" | "apiVersion" | "value"> {
  readonly kind: KindName;
  readonly kindSpan: Span;
  /** Pointers of objects that the patch only reaches into. */
  readonly entered: ReadonlySet<string>;
}

const METADATA: Schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    namespace: { type: "string" },
    labels: { type: "object", additionalProperties: { type: "string" } },
    annotations: { type: "object", additionalProperties: { type: "string" } },
  },
};

function readPatch(reader: DocumentReader, content: Node | null, span: Span): ReadPatch | undefined {
  const complain = (at: Span, summary: string, detail = ""): undefined => {
    reader.report("error", "OVERLAY", at, summary, detail);
  };
  if (!isMap(content)) return complain(span, "a patch is a map with `kind`, `metadata.name` and what it changes");
  const fields = new Map(reader.fields(content).map((field) => [plainKey(field.key), field]));
  const kindText = textOf(fields.get("kind"));
  const kind = kindText === undefined ? undefined : readKind(kindText);
  const kindField = fields.get("kind");
  if (kind === undefined || kindField === undefined)
    return complain(
      kindField?.keySpan ?? span,
      kindMissing(kindText),
      "A patch names its manifest by `kind` and `metadata.name`.",
    );
  const apiVersion = readApiVersion(textOf(fields.get("apiversion")));
  if (fields.has("apiversion") && apiVersion.outcome === "known") reader.apiVersion = apiVersion.apiVersion;
  reader.kindName = kind;
  const walk = new Walk(reader);
  const metadata =
    walk.read(fields.get("metadata")?.value ?? null, METADATA, spot("/metadata", fields, kindField)) ?? {};
  const { name, namespace = DEFAULT_NAMESPACE } = metadata as JsonObject;
  const at = fields.get("metadata")?.keySpan ?? kindField.keySpan;
  if (typeof name !== "string" || typeof namespace !== "string" || !isName(name) || !isName(namespace))
    return complain(at, "a patch names its manifest by `metadata.name`, and by `metadata.namespace` where it has one");
  for (const [key, field] of fields) {
    if (!ENVELOPE.includes(key))
      complain(field.keySpan, `${quote(field.key)} is no part of a manifest`, didYouMean(key, ENVELOPE));
  }
  const specField = fields.get("spec");
  const spec =
    specField === undefined ? {} : walk.read(specField.value, KINDS[kind].schema, spot("/spec", fields, kindField));
  const value = { metadata, ...(specField === undefined ? {} : { spec: spec ?? {} }) };
  const written =
    fields.has("apiversion") && apiVersion.outcome === "known" ? { apiVersion: apiVersion.apiVersion } : {};
  const target = addressOf({ kind, namespace, name });
  return { kind, target, value, ...written, kindSpan: kindField.keySpan, entered: walk.entered };
}

const ENVELOPE: readonly string[] = ["apiversion", "kind", "metadata", "spec"];

function kindMissing(text: string | undefined): string {
  return text === undefined
    ? "the patch has no `kind`"
    : `${quote(text)} is no kind. ${didYouMean(text, KIND_NAMES)}`.trim();
}

function spot(pointer: string, fields: ReadonlyMap<string, Field>, otherwise: Field): Spot {
  return { pointer, span: fields.get(pointer.slice(1))?.keySpan ?? otherwise.keySpan, depth: 1 };
}

function textOf(field: Field | undefined): string | undefined {
  return isScalar(field?.value) && !isNothing(field.value) ? typedText(field.value) : undefined;
}

/** Maps are walked, so that null keeps its meaning in them; everything else is a value, read as in a manifest. */
class Walk {
  readonly entered = new Set<string>();
  private readonly reader: DocumentReader;

  constructor(reader: DocumentReader) {
    this.reader = reader;
  }

  read(node: Node | null, schema: Schema, at: Spot): unknown {
    const here = { ...at, span: this.reader.spanOf(node, at.span) };
    if (node === null || (isScalar(node) && isNothing(node))) {
      this.reader.spans.set(at.pointer, here.span);
      return null;
    }
    if (!isMap(node)) return readValue(this.reader, node, schema, at);
    if (schema.type !== "object" && schema.type !== undefined) return readValue(this.reader, node, schema, at);
    this.reader.spans.set(at.pointer, here.span);
    // An empty map is a value: it takes the place of what is no map.
    if (node.items.length > 0) this.entered.add(at.pointer);
    const read: Record<string, unknown> = {};
    for (const field of this.reader.fields(node)) {
      const [name, below] = this.fieldOf(field, schema) ?? [];
      if (name === undefined) continue;
      const value = this.read(field.value, below ?? {}, spotBelow(here, name, field.keySpan));
      if (value === undefined) this.refuse(field);
      else read[name] = value;
    }
    return read;
  }

  /** Manifests may lose a value that Orloj never looks at; a patch that loses one does not do what it says. */
  private refuse({ key, keySpan }: Field): void {
    if (this.reader.findings.some(({ severity }) => severity === "error")) return;
    this.reader.report("error", "OVERLAY", keySpan, `the value of ${quote(key)} is not understood`);
  }

  private fieldOf({ key, keySpan }: Field, schema: Schema): readonly [string, Schema] | undefined {
    const { properties, additionalProperties } = schema;
    if (properties === undefined) return [key, typeof additionalProperties === "object" ? additionalProperties : {}];
    const name = canonicalField(key, schema, this.reader.spellings(schema), this.reader.apiVersion);
    if (name !== undefined) return [name, properties[name] ?? {}];
    const summary = `${quote(key)} is not a field of ${this.reader.kindName}`;
    this.reader.report("error", "UNKNOWN_FIELD", keySpan, summary, didYouMean(key, Object.keys(properties)));
    return undefined;
  }
}

function unreadable(file: string, summary: string): PatchReading {
  const problem: Problem = { severity: "error", code: "OVERLAY", summary, detail: "", file, line: 1, column: 1 };
  return { patches: [], broken: [null], problems: [problem] };
}
