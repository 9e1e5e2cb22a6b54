// Checks canonical specs against the schemas of their kinds with Ajv, in sentences of ours.
import type { ErrorObject } from "ajv";
import type { KindName } from "../../contracts/address.ts";
import { DURATION_PATTERN } from "../../contracts/duration.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { DocumentReader } from "./document-reader.ts";
import { quote, type Span } from "./finding.ts";
import { kindValidator } from "./kind-validators.ts";
import { didYouMean } from "./near-match.ts";

/** Reports what does not fit the schema of its kind. */
export function checkSchema(reader: DocumentReader, manifest: Manifest, kindSpan: Span): void {
  const validate = kindValidator(manifest.kind);
  if (validate(manifest.spec)) return;
  for (const error of validate.errors ?? []) report(reader, manifest.kind, error, kindSpan);
}

function report(reader: DocumentReader, kind: KindName, error: ErrorObject, kindSpan: Span): void {
  const pointer = `/spec${error.instancePath}`;
  const span = nearestSpan(reader, pointer, kindSpan);
  if (isTold(reader, error, pointer)) return;
  const { summary, detail } = sentence(kind, pointer, error);
  const place = error.keyword === "required" ? (reader.keySpans.get(pointer) ?? firstOf(span)) : span;
  reader.report("error", "SCHEMA", place, summary, detail);
}

/** A field that is written and could not be read is missing for Ajv: the author has been told already. */
function isTold(reader: DocumentReader, error: ErrorObject, pointer: string): boolean {
  if (error.keyword !== "required") return false;
  const span = reader.spans.get(`${pointer}/${String(error.params["missingProperty"])}`);
  return span !== undefined && reader.findings.some((found) => found.severity === "error" && within(found.span, span));
}

function within(inner: Span, outer: Span): boolean {
  return inner.start >= outer.start && inner.start <= outer.end;
}

function firstOf(span: Span): Span {
  return { start: span.start, end: span.start };
}

export function nearestSpan(reader: DocumentReader, pointer: string, otherwise: Span): Span {
  for (let path = pointer; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
    const span = reader.spans.get(path);
    if (span !== undefined) return span;
  }
  return otherwise;
}

interface Sentence {
  readonly summary: string;
  readonly detail: string;
}

function sentence(kind: KindName, pointer: string, error: ErrorObject): Sentence {
  const field = fieldPath(kind, pointer);
  const value = typeof error.data === "string" ? quote(error.data) : quote(String(error.data));
  const { params } = error;
  switch (error.keyword) {
    case "required":
      return {
        summary: `\`${field}.${String(params["missingProperty"])}\` is missing`,
        detail: explainHint(kind, pointer),
      };
    case "enum": {
      const words = params["allowedValues"] as readonly string[];
      const near = typeof error.data === "string" ? didYouMean(error.data, words) : "";
      return { summary: `${value} is none of ${words.join(", ")}`, detail: near };
    }
    case "pattern":
      return params["pattern"] === DURATION_PATTERN
        ? { summary: `${value} is not a duration`, detail: "Write it like `30s`, `1m30s` or `250ms`." }
        : { summary: `${value} does not fit \`${field}\``, detail: explainHint(kind, pointer) };
    case "minLength":
      return { summary: `\`${field}\` is empty`, detail: explainHint(kind, pointer) };
    case "minimum":
    case "maximum":
      return { summary: `\`${field}\` must be ${String(params["comparison"])} ${String(params["limit"])}`, detail: "" };
    default:
      return { summary: `\`${field}\` ${error.message ?? "does not fit"}`, detail: explainHint(kind, pointer) };
  }
}

/** `Agent.spec.limits.timeout`; items lose their numbers, because `explain` knows none. */
function fieldPath(kind: KindName, pointer: string): string {
  return `${kind}${pointer.replace(/\/[0-9]+(?=\/|$)/g, "").replaceAll("/", ".")}`;
}

function explainHint(kind: KindName, pointer: string): string {
  return `See: countwheel explain ${fieldPath(kind, pointer)}`;
}
