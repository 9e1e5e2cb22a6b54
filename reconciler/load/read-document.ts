// Reads one document into a manifest: envelope, metadata, spec. Everything that is wrong with it is told at once.
import { isMap, isScalar, isSeq, type Node } from "yaml";
import { DEFAULT_NAMESPACE, isName, type KindName } from "../../contracts/address.ts";
import { KINDS } from "../../contracts/kinds.ts";
import type { Manifest, Metadata } from "../../contracts/manifest.ts";
import type { Schema } from "../../contracts/schema.ts";
import { plainKey } from "../../contracts/spellings.ts";
import type { DocumentReader, Field } from "./document-reader.ts";
import { quote, type Span } from "./finding.ts";
import { didYouMean } from "./near-match.ts";
import { decideKind } from "./read-kind.ts";
import { isNothing, typedText } from "./read-scalar.ts";
import { readValue } from "./read-value.ts";

export type DocumentReading =
  | { readonly outcome: "skipped"; readonly isManifest: boolean }
  | {
      readonly outcome: "read";
      readonly kind: KindName;
      readonly kindSpan: Span;
      /** Absent where not even the name can be read. */
      readonly manifest?: Manifest;
    };

const TEXT_MAP = { type: "object", additionalProperties: { type: "string" } } as const;

/** What exports write beside these four is bookkeeping of the system that they come from: read over without a word. */
const METADATA_SCHEMA: Schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    namespace: { type: "string" },
    labels: TEXT_MAP,
    annotations: TEXT_MAP,
    resource_version: {},
    generation: {},
    created_at: {},
    creation_timestamp: {},
    uid: {},
  },
};

const ENVELOPE = ["apiVersion", "kind", "metadata", "spec", "status"];
const ENVELOPE_BY_SPELLING: ReadonlyMap<string, string> = new Map(ENVELOPE.map((name) => [plainKey(name), name]));
/** What every object inherits. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** The items of a list (`items:` without a kind of its own), or the document itself. */
export function manifestNodes(content: Node | null): readonly (Node | null)[] {
  if (!isMap(content)) return [content];
  const kind = content.get("kind");
  const items = content.get("items", true);
  const isList = kind === undefined || (typeof kind === "string" && /^[A-Za-z]*List$/.test(kind));
  return isList && isSeq(items) && items.items.every(isMap) ? items.items.filter(isMap) : [content];
}

export function readDocument(reader: DocumentReader, content: Node | null): DocumentReading {
  const start = reader.spanOf(content, { start: 0, end: 0 });
  if (content === null || (isScalar(content) && isNothing(content))) return { outcome: "skipped", isManifest: false };
  if (!isMap(content)) {
    const first = { start: start.start, end: start.start };
    reader.report("warning", "NOT_A_MANIFEST", first, "the document is no map and is skipped");
    return { outcome: "skipped", isManifest: false };
  }
  const { fields, again } = readEnvelope(reader, content);
  const first = { start: start.start, end: start.start };
  const [kind, apiVersion, spec] = [fields.get("kind"), fields.get("apiVersion"), fields.get("spec")];
  const answer = decideKind({
    kind: scalarText(kind?.value),
    apiVersion: scalarText(apiVersion?.value),
    hasSpec: spec !== undefined,
  });
  if (answer.remark !== undefined) {
    const { severity, code, summary, detail, about } = answer.remark;
    const field = about === "kind" ? kind : apiVersion;
    reader.report(severity, code, reader.spanOf(field?.value, field?.keySpan ?? first), summary, detail);
  }
  if (answer.outcome === "ours") {
    reader.apiVersion = answer.apiVersion;
    reader.kindName = answer.kind;
  }
  for (const { key, keySpan } of again) {
    reader.complain("SYNTAX", keySpan, `${quote(key)} is written twice`, "The last one counts.");
  }
  if (answer.outcome === "skipped") return answer;
  reportOtherFields(reader, fields, answer.kind);
  const kindSpan = kind?.keySpan ?? first;
  const metadata = readMetadata(reader, fields.get("metadata"), kindSpan);
  const specValue = readSpec(reader, spec, KINDS[answer.kind].schema, kindSpan);
  if (metadata === undefined) return { outcome: "read", kind: answer.kind, kindSpan };
  const manifest: Manifest = { apiVersion: answer.apiVersion, kind: answer.kind, metadata, spec: specValue };
  return { outcome: "read", kind: answer.kind, kindSpan, manifest };
}

interface Envelope {
  /** By canonical name; unknown ones under the name that they have. The last of several counts. */
  readonly fields: ReadonlyMap<string, Field>;
  /** Written before under the same name. How bad that is, the apiVersion decides. */
  readonly again: readonly Field[];
}

function readEnvelope(reader: DocumentReader, content: Parameters<DocumentReader["fields"]>[0]): Envelope {
  const fields = new Map<string, Field>();
  const again: Field[] = [];
  for (const field of reader.fields(content)) {
    const name = ENVELOPE_BY_SPELLING.get(plainKey(field.key)) ?? field.key;
    if (fields.has(name)) again.push(field);
    fields.set(name, field);
  }
  return { fields, again };
}

function scalarText(node: Node | null | undefined): string | undefined {
  return isScalar(node) && !isNothing(node) ? typedText(node) : undefined;
}

function reportOtherFields(reader: DocumentReader, fields: ReadonlyMap<string, Field>, kind: KindName): void {
  for (const [name, field] of fields) {
    if (name === "status") {
      const detail = "The state of a resource is kept by Countwheel, not in Git.";
      reader.report("warning", "STATUS_IGNORED", field.keySpan, "`status` in a file is ignored", detail);
    } else if (!ENVELOPE.includes(name)) {
      const inSpec = Object.hasOwn(KINDS[kind].schema.properties ?? {}, name);
      const detail = inSpec ? `It belongs below \`spec\`.` : didYouMean(name, ENVELOPE);
      reader.complain("UNKNOWN_FIELD", field.keySpan, `${quote(name)} is not a field of ${kind}`, detail);
    }
  }
}

function readMetadata(reader: DocumentReader, field: Field | undefined, kindSpan: Span): Metadata | undefined {
  const span = field?.keySpan ?? kindSpan;
  const read = readValue(reader, field?.value ?? null, METADATA_SCHEMA, { pointer: "/metadata", span, depth: 1 });
  const values = (read ?? {}) as Readonly<Record<string, unknown>>;
  const name = textOf(values["name"]);
  if (name === undefined) {
    reader.report("error", "SCHEMA", span, "`metadata.name` is missing", "Every manifest needs a name.");
    return undefined;
  }
  const namespace = textOf(values["namespace"]) ?? DEFAULT_NAMESPACE;
  const valid = [checkName(reader, "name", name, span), checkName(reader, "namespace", namespace, span)];
  if (valid.includes(false)) return undefined;
  return { name, namespace, labels: textMap(values["labels"]), annotations: textMap(values["annotations"]) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

function textMap(value: unknown): Readonly<Record<string, string>> {
  return (value ?? {}) as Readonly<Record<string, string>>;
}

/** Names become keys of objects and of Redis: those that every object inherits (`toString`) are refused as well. */
function checkName(reader: DocumentReader, field: "name" | "namespace", text: string, otherwise: Span): boolean {
  if (isName(text) && !INHERITED.has(text)) return true;
  const detail =
    "Names have letters, digits, `.`, `_` and `-`, begin with a letter or digit, and are at most 253 long.";
  const span = reader.spans.get(`/metadata/${field}`) ?? otherwise;
  reader.report("error", "SCHEMA", span, `${quote(text)} cannot be a ${field}`, detail);
  return false;
}

function readSpec(
  reader: DocumentReader,
  field: Field | undefined,
  schema: Schema,
  kindSpan: Span,
): Readonly<Record<string, unknown>> {
  const span = field?.keySpan ?? kindSpan;
  if (field !== undefined) reader.keySpans.set("/spec", field.keySpan);
  const read = readValue(reader, field?.value ?? null, schema, { pointer: "/spec", span, depth: 1 });
  return (read ?? {}) as Readonly<Record<string, unknown>>;
}
