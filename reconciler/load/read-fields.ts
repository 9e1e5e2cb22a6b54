// Reads the fields of an object whose names the vocabulary fixes: spellings, unknown, removed, ignored and doubled fields.
import type { Node, YAMLMap } from "yaml";
import { KINDS } from "../../contracts/kinds.ts";
import type { Schema } from "../../contracts/schema.ts";
import { canonicalField, plainKey } from "../../contracts/spellings.ts";
import type { DocumentReader, Field } from "./document-reader.ts";
import { quote } from "./finding.ts";
import { didYouMean, nearMatch } from "./near-match.ts";
import { type Spot, spotBelow } from "./spot.ts";

export type ReadValue = (reader: DocumentReader, node: Node | null, schema: Schema, spot: Spot) => unknown;

export function readFields(
  reader: DocumentReader,
  map: YAMLMap,
  schema: Schema,
  spot: Spot,
  readValue: ReadValue,
): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  const written = new Set<string>();
  for (const field of reader.fields(map)) {
    const name = canonicalField(field.key, schema, reader.spellings(schema), reader.apiVersion);
    if (name === undefined) {
      reportUnknown(reader, field, schema, spot);
      continue;
    }
    if (written.has(name)) {
      reader.complain("SYNTAX", field.keySpan, `${quote(field.key)} is written twice`, "The last one counts.");
    }
    written.add(name);
    const below = spotBelow(spot, name, field.keySpan);
    reader.keySpans.set(below.pointer, field.keySpan);
    const value = readValue(reader, field.value, schema.properties?.[name] ?? {}, below);
    if (value !== undefined) read[name] = value;
  }
  return read;
}

function reportUnknown(reader: DocumentReader, { key, keySpan }: Field, schema: Schema, spot: Spot): void {
  const removed = findSpelling(schema["x-removed"], key);
  if (removed !== undefined) {
    reader.report("error", "UNKNOWN_FIELD", keySpan, `${quote(key)} is no longer a field`, removed);
    return;
  }
  const ignored = findSpelling(schema["x-ignored"], key);
  if (ignored !== undefined) {
    reader.complain("UNKNOWN_FIELD", keySpan, `${quote(key)} has no effect in Countwheel`, ignored);
    return;
  }
  const severity = reader.strict || schema["x-strict"] ? "error" : "warning";
  const where = describePath(spot.pointer);
  const detail = unknownDetail(key, schema);
  reader.report(
    severity,
    "UNKNOWN_FIELD",
    keySpan,
    `${quote(key)} is not a field of ${reader.kindName}${where}`,
    detail,
  );
}

function findSpelling(table: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  const wanted = plainKey(key);
  return Object.entries(table ?? {}).find(([name]) => plainKey(name) === wanted)?.[1];
}

function unknownDetail(key: string, schema: Schema): string {
  if (key === "<<") return "Merge keys are not part of YAML 1.2; write the fields out.";
  return didYouMean(key, Object.keys(schema.properties ?? {})) || elsewhere(key);
}

/** `permissions` on an Agent: the author knows the vocabulary and has the wrong kind. */
function elsewhere(key: string): string {
  const names = Object.values(KINDS).flatMap(({ kind, schema }) =>
    Object.keys(schema.properties ?? {}).map((name) => [name, kind] as const),
  );
  const near = nearMatch(
    key,
    names.map(([name]) => name),
  );
  const kind = names.find(([name]) => name === near)?.[1];
  return kind === undefined ? "" : `${kind} has \`${near}\`; see: countwheel explain ${kind}.spec.${near}`;
}

function describePath(pointer: string): string {
  return pointer
    .replace(/\/[0-9]+(?=\/|$)/g, "[]")
    .replaceAll("/", ".")
    .replaceAll("~1", "/")
    .replaceAll("~0", "~");
}
