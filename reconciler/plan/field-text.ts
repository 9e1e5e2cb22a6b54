// Says a field's change in one line: what text and Markdown views show of it.
import { diffLines } from "diff";
import { canonicalJson } from "../../contracts/canonical.ts";
import { type FieldChange, SENSITIVE } from "../../contracts/plan.ts";
import { pointerKeys } from "./field-diff.ts";
import { oneLine, shorten } from "./inert.ts";

/** Longest value on a line; the whole one is in the JSON and in the diff. */
const VALUE_LIMIT = 60;

/** `/spec/graph/a/edges/0/to` → `spec.graph.a.edges[0].to`. */
export function fieldName(pointer: string): string {
  const [first = "", ...rest] = pointerKeys(pointer);
  return rest.reduce(
    (name, key) => (/^\d+$/.test(key) ? `${name}[${key}]` : `${name}.${oneLine(key)}`),
    oneLine(first),
  );
}

export function describeField({ before, after }: Pick<FieldChange, "before" | "after">): string {
  if (before === SENSITIVE && after === SENSITIVE) return `${SENSITIVE} changed`;
  if (isScalarList(before ?? []) && isScalarList(after ?? [])) return describeList(asList(before), asList(after));
  if (isLongText(before) || isLongText(after)) return describeText(asText(before), asText(after));
  if (before === undefined) return `+ ${shortValue(after)}`;
  if (after === undefined) return `- ${shortValue(before)}`;
  return `${shortValue(before)} → ${shortValue(after)}`;
}

/** One line of a value: texts as they are, everything else as JSON. */
function shortValue(value: unknown): string {
  const text = typeof value === "string" ? value : canonicalJson(value ?? null);
  return shorten(oneLine(text), VALUE_LIMIT);
}

function isScalarList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function describeList(before: readonly unknown[], after: readonly unknown[]): string {
  const removed = missingFrom(before, after).map((item) => `- ${shortValue(item)}`);
  const added = missingFrom(after, before).map((item) => `+ ${shortValue(item)}`);
  const parts = [...added, ...removed];
  return parts.length === 0 ? "another order" : parts.join(", ");
}

/** Counts repeated items: a list may hold one twice. */
function missingFrom(items: readonly unknown[], others: readonly unknown[]): unknown[] {
  const left = [...others];
  return items.filter((item) => {
    const index = left.indexOf(item);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

function isLongText(value: unknown): value is string {
  return typeof value === "string" && value.includes("\n");
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function describeText(before: string, after: string): string {
  const { added, removed } = countLines(before, after);
  const parts = [];
  if (added > 0) parts.push(`${added === 1 ? "1 line" : `${added} lines`} added`);
  if (removed > 0)
    parts.push(added > 0 ? `${removed} removed` : `${removed === 1 ? "1 line" : `${removed} lines`} removed`);
  return parts.join(", ") || "line ends changed";
}

/** Past this many lines of both sides together, the difference is only counted by its ends: diffing could take seconds. */
const DIFF_LINES_LIMIT = 5_000;

function countLines(before: string, after: string): { readonly added: number; readonly removed: number } {
  const [old, next] = [withEnd(before), withEnd(after)];
  const lines = old.split("\n").length + next.split("\n").length;
  if (lines > DIFF_LINES_LIMIT) return { removed: old.split("\n").length - 1, added: next.split("\n").length - 1 };
  const parts = diffLines(old, next);
  const count = (pick: "added" | "removed"): number =>
    parts.reduce((total, part) => total + (part[pick] ? part.count : 0), 0);
  return { added: count("added"), removed: count("removed") };
}

/** The last line counts whether or not it ends with a newline. */
function withEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
