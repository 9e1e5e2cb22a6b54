// Reads YAML nodes by their schema into the canonical form: names in snake_case, texts as they were typed, lists and
// numbers in whichever way people write them. What `countwheel.dev/v1` refuses is a remark in `orloj.dev/v1`.
import { isMap, isScalar, isSeq, type Node } from "yaml";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { Schema } from "../../contracts/schema.ts";
import type { DocumentReader } from "./document-reader.ts";
import { quote } from "./finding.ts";
import { readFields } from "./read-fields.ts";
import { coreValue, isNothing, type Reading, readFlag, readNumber, readWord, typedText } from "./read-scalar.ts";
import { type Spot, spotBelow } from "./spot.ts";

/** `undefined`: the value is not there, or was refused with a finding. */
export function readValue(reader: DocumentReader, node: Node | null, schema: Schema, at: Spot): unknown {
  const spot = { pointer: at.pointer, span: reader.spanOf(node, at.span), depth: at.depth };
  reader.spans.set(spot.pointer, spot.span);
  if (spot.depth > MANIFEST_LIMITS.depth) {
    reader.refuse(spot.span, `more than ${MANIFEST_LIMITS.depth} levels of nesting`);
    return undefined;
  }
  if (node === null || (isScalar(node) && isNothing(node))) return schema.type === undefined ? null : undefined;
  switch (schema.type) {
    case "string":
      return readTextValue(reader, node, schema, spot);
    case "integer":
    case "number":
    case "boolean":
      return readScalarValue(reader, node, schema, spot);
    case "array":
      return readList(reader, node, schema.items ?? {}, spot);
    case "object":
      return readObject(reader, node, schema, spot);
    case undefined:
      return readAny(reader, node, spot);
  }
  return schema.type satisfies never;
}

function readTextValue(reader: DocumentReader, node: Node, schema: Schema, spot: Spot): string | undefined {
  if (!isScalar(node)) return readTemplate(reader, node, spot) ?? wrong(reader, spot, "text");
  if (reader.strict && typeof coreValue(node) !== "string") return wrong(reader, spot, "text; put it in quotes");
  const text = readWord(typedText(node), schema, reader.strict);
  if (schema["x-unchecked"] && !reader.strict && schema.pattern && !new RegExp(schema.pattern).test(text)) {
    reader.report(
      "warning",
      "SCHEMA",
      spot.span,
      `${quote(text)} is not understood and left out`,
      expectedForm(schema),
    );
    return undefined;
  }
  return text;
}

function expectedForm(schema: Schema): string {
  const example = schema.examples?.[0];
  return typeof example === "string" ? `Write it like \`${example}\`.` : "";
}

/** `{{.id}}` without quotes is a map in a map to YAML, and a template to everybody else. */
function readTemplate(reader: DocumentReader, node: Node, spot: Spot): string | undefined {
  const source = reader.source(reader.spanOf(node, spot.span));
  if (reader.strict || !source.startsWith("{{")) return undefined;
  reader.report("warning", "SCHEMA", spot.span, `${quote(source)} is read as text`, "Put it in quotes.");
  return source;
}

function readScalarValue(reader: DocumentReader, node: Node, schema: Schema, spot: Spot): unknown {
  if (!isScalar(node)) return wrong(reader, spot, schema.type === "boolean" ? "true or false" : "a number");
  const reading: Reading<unknown> =
    schema.type === "boolean" ? readFlag(node, reader.strict) : readNumber(node, schema, reader.strict);
  if (reading.outcome === "wrong") return wrong(reader, spot, reading.expected);
  if (reading.remark !== undefined) {
    reader.report("warning", "SCHEMA", spot.span, `${quote(typedText(node))} ${reading.remark}`);
  }
  return reading.outcome === "value" ? reading.value : undefined;
}

function wrong(reader: DocumentReader, spot: Spot, expected: string): undefined {
  const field = spot.pointer
    .slice(1)
    .replace(/\/([0-9]+)(?=\/|$)/g, "[$1]")
    .replaceAll("/", ".");
  reader.report("error", "SCHEMA", spot.span, `${quote(field)} must be ${expected}`);
  return undefined;
}

function readList(reader: DocumentReader, node: Node, items: Schema, spot: Spot): unknown[] | undefined {
  if (isSeq(node)) {
    const read: unknown[] = [];
    for (const item of node.items) {
      const below = spotBelow(spot, read.length, spot.span);
      const resolved = reader.resolve(item, spot.span);
      const value = resolved === undefined ? undefined : readItem(reader, resolved, items, below);
      if (value !== undefined) read.push(value);
    }
    return read;
  }
  if (!isScalar(node) || reader.strict) return wrong(reader, spot, "a list");
  reader.report(
    "warning",
    "SCHEMA",
    spot.span,
    `${quote(typedText(node))} is read as a list of one`,
    "Write `- ` before it.",
  );
  const only = readValue(reader, node, items, spotBelow(spot, 0, spot.span));
  return only === undefined ? [] : [only];
}

function readItem(reader: DocumentReader, node: Node | null, items: Schema, spot: Spot): unknown {
  if (items.type === "string" && isMap(node)) {
    const text = readKeyAsText(reader, node, spot);
    if (text !== undefined) return text;
  }
  const value = readValue(reader, node, items, spot);
  if (reader.strict || !isEmptyItem(value, items)) return value;
  reader.report("warning", "SCHEMA", reader.spanOf(node, spot.span), "an empty entry is left out");
  return undefined;
}

/** An empty name, or an edge that leads nowhere: Orloj drops them. */
function isEmptyItem(value: unknown, { minLength, "x-shorthand": shorthand }: Schema): boolean {
  if (value === "") return minLength !== undefined;
  return typeof value === "object" && value !== null && shorthand !== undefined && !Object.hasOwn(value, shorthand);
}

/** `- EVIDENCE:` is a map to YAML. In a list of texts it means the text, in both vocabularies. */
function readKeyAsText(reader: DocumentReader, node: Node, spot: Spot): string | undefined {
  if (!isMap(node) || node.flow || node.items.length !== 1) return undefined;
  const [field] = reader.fields(node);
  if (field === undefined || !(field.value === null || isScalar(field.value))) return undefined;
  reader.spans.set(spot.pointer, reader.spanOf(node, spot.span));
  const rest = field.value === null || isNothing(field.value) ? "" : ` ${typedText(field.value)}`;
  return `${field.key}:${rest}`;
}

function readObject(reader: DocumentReader, node: Node, schema: Schema, spot: Spot): unknown {
  const shorthand = schema["x-shorthand"];
  if (isScalar(node) && shorthand !== undefined) {
    const field = schema.properties?.[shorthand] ?? {};
    return { [shorthand]: readValue(reader, node, field, spotBelow(spot, shorthand, spot.span)) };
  }
  if (!isMap(node)) return wrong(reader, spot, "a map");
  if (schema.properties !== undefined) return readFields(reader, node, schema, spot, readValue);
  const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
  return readMap(reader, node, values, spot);
}

function readMap(reader: DocumentReader, node: Node, values: Schema, spot: Spot): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const { key, keySpan, value } of isMap(node) ? reader.fields(node) : []) {
    if (Object.hasOwn(read, key))
      reader.complain("SYNTAX", keySpan, `${quote(key)} is written twice`, "The last one counts.");
    const below = spotBelow(spot, key, keySpan);
    reader.keySpans.set(below.pointer, keySpan);
    const item = readMapValue(reader, value, values, below);
    if (item !== undefined) read[key] = item;
  }
  return read;
}

/** Numbers and booleans in a map of texts are taken as their text, in both vocabularies; a node of a graph may be empty. */
function readMapValue(reader: DocumentReader, node: Node | null, schema: Schema, spot: Spot): unknown {
  const nothing = node === null || (isScalar(node) && isNothing(node));
  if (schema.type === "object" && schema.properties !== undefined && nothing) {
    reader.spans.set(spot.pointer, reader.spanOf(node, spot.span));
    return {};
  }
  if (schema.type !== "string") return readValue(reader, node, schema, spot);
  reader.spans.set(spot.pointer, reader.spanOf(node, spot.span));
  if (nothing) return "";
  if (isScalar(node)) return typedText(node);
  const source = "flow" in node && node.flow ? reader.source(reader.spanOf(node, spot.span)) : undefined;
  if (reader.strict) return wrong(reader, { ...spot, span: reader.spanOf(node, spot.span) }, "text");
  const text = source ?? JSON.stringify(readAny(reader, node, spot));
  reader.report(
    "warning",
    "SCHEMA",
    reader.spanOf(node, spot.span),
    "a list or map is read as its text",
    "Put it in quotes.",
  );
  return text;
}

/** Any JSON value, as `input_schema` holds it. */
function readAny(reader: DocumentReader, node: Node, spot: Spot): unknown {
  if (isMap(node)) return readMap(reader, node, {}, spot);
  if (isSeq(node)) {
    return node.items.map((item, index) => {
      const resolved = reader.resolve(item, spot.span);
      return resolved === undefined
        ? null
        : (readValue(reader, resolved, {}, spotBelow(spot, index, spot.span)) ?? null);
    });
  }
  const value = isScalar(node) ? coreValue(node) : undefined;
  return value === undefined ? (wrong(reader, spot, "a value that JSON can hold") ?? null) : value;
}
