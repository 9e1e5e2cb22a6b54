// Finds the fields in which two manifests of one address differ, as JSON pointers. Pure; knows nothing of secrets.
import { canonicalJson } from "../../contracts/canonical.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { escapePointer } from "../../contracts/sensitive.ts";

/**
 * Pointers of the differing fields, sorted. Objects are walked; a list of scalars, a text and a list whose length
 * changed are one field each; lists of equally many objects are walked item by item. `apiVersion` is no content.
 */
export function differingFields(before: Manifest, after: Manifest): string[] {
  const paths: string[] = [];
  walk(contentOf(before), contentOf(after), "", paths);
  return paths.toSorted();
}

function contentOf({ metadata, spec }: Manifest): unknown {
  const { labels, annotations } = metadata;
  return { metadata: { labels, annotations }, spec };
}

function walk(before: unknown, after: unknown, pointer: string, found: string[]): void {
  if (isObject(before) || isObject(after)) {
    const [left, right] = [asObject(before, after), asObject(after, before)];
    if (left !== undefined && right !== undefined) return walkObjects(left, right, pointer, found);
  }
  const pairs = pairObjects(before, after);
  if (pairs !== undefined) {
    for (const [index, [left, right]] of pairs.entries()) walk(left, right, `${pointer}/${index}`, found);
    return;
  }
  if (!isSame(before, after)) found.push(pointer);
}

type Fields = Readonly<Record<string, unknown>>;

function walkObjects(before: Fields, after: Fields, pointer: string, found: string[]): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    walk(ownField(before, key), ownField(after, key), `${pointer}/${escapePointer(key)}`, found);
  }
}

/** A missing side is walked as an empty object, so that a new block shows its fields; an empty block is a field itself. */
function asObject(value: unknown, other: unknown): Fields | undefined {
  if (isObject(value)) return value;
  return value === undefined && isObject(other) && Object.keys(other).length > 0 ? {} : undefined;
}

function pairObjects(before: unknown, after: unknown): (readonly [unknown, unknown])[] | undefined {
  if (!Array.isArray(before) || !Array.isArray(after) || before.length !== after.length) return undefined;
  const items: readonly unknown[] = after;
  return [...before, ...after].every(isObject) ? before.map((item: unknown, index) => [item, items[index]]) : undefined;
}

function isSame(before: unknown, after: unknown): boolean {
  if (before === undefined || after === undefined) return before === after;
  return before === after || canonicalJson(before) === canonicalJson(after);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `constructor` and the like are keys that an author may use, never what objects inherit. */
function ownField(object: Fields, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The keys of a pointer, unescaped: `/spec/a~1b` → `spec`, `a/b`. */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value at a pointer; undefined where there is none. */
export function valueAt(root: unknown, pointer: string): unknown {
  let value: unknown = root;
  for (const key of pointerKeys(pointer)) {
    if (Array.isArray(value)) value = value[Number(key)];
    else if (isObject(value)) value = ownField(value, key);
    else return undefined;
  }
  return value;
}
