// How much work a JSON Schema can make of a value: references that multiply, references that lead back to themselves, and
// comparisons of every item with every other. Counted before anything is checked.
import { isFields } from "../policies/compile/read.ts";

type Schema = Readonly<Record<string, unknown>>;

export interface SchemaWork {
  /** Checks of one value, references followed. */
  readonly size: number;
  /** Somewhere items are compared with each other. */
  readonly comparesItems: boolean;
}

/** Beyond this a schema counts as endless. */
const MAX_SIZE = 20_000;
/** Checks of one value with all that is in it: some 20 ms on a slow core. */
const MAX_CHECKS = 2_000_000;

/** What stands behind these is checked against the same value; what stands behind other words, against a part of it. */
const SAME_VALUE = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$ref"];
const DEFINITIONS = ["$defs", "definitions"];
/** With these, references could lead anywhere. */
const RENAMES = /"\$(?:dynamicRef|recursiveRef|anchor|dynamicAnchor|id)":/;

/** undefined: it may never end, multiplies beyond measure, or refers to what cannot be followed. */
export function measureSchema(schema: Schema): SchemaWork | undefined {
  const text = JSON.stringify(schema);
  if (RENAMES.test(text) || hasCircle(schema, schema, new Map())) return undefined;
  const size = sizeOf(schema, schema, new Map());
  return size > MAX_SIZE ? undefined : { size, comparesItems: text.includes('"uniqueItems":true') };
}

/** Whether a value can be checked in time. */
export function isCheckable({ size, comparesItems }: SchemaWork, value: unknown): boolean {
  const parts = countParts(value);
  return size * parts + (comparesItems ? parts * parts : 0) <= MAX_CHECKS;
}

/** Whether some schema leads back to itself while the value stays the same; `true` in `seen`: it is being looked at. */
function hasCircle(node: unknown, root: Schema, seen: Map<unknown, boolean>): boolean {
  if (Array.isArray(node)) return node.some((item) => hasCircle(item, root, seen));
  if (!isFields(node)) return false;
  const before = seen.get(node);
  if (before !== undefined) return before;
  seen.set(node, true);
  const entries = Object.entries(node);
  const same = entries.filter(([word]) => SAME_VALUE.includes(word));
  const leadsBack = same.some(([word, inner]) => hasCircle(word === "$ref" ? find(root, inner) : inner, root, seen));
  seen.set(node, false);
  const parts = entries.filter(([word]) => !SAME_VALUE.includes(word));
  return leadsBack || parts.some(([, inner]) => hasCircle(inner, root, seen));
}

/** Through parts of a value a schema may lead back to itself: the value ends. */
function sizeOf(node: unknown, root: Schema, known: Map<unknown, number>): number {
  if (Array.isArray(node)) return sum(node, (item) => sizeOf(item, root, known));
  if (!isFields(node)) return 1;
  const before = known.get(node);
  if (before !== undefined) return before;
  known.set(node, 1);
  const words = Object.entries(node).filter(([word]) => !DEFINITIONS.includes(word));
  const size =
    1 +
    sum(words, ([word, inner]) => (word === "$ref" ? sizeOfTarget(inner, root, known) : sizeOf(inner, root, known)));
  known.set(node, size);
  return size;
}

function sizeOfTarget(reference: unknown, root: Schema, known: Map<unknown, number>): number {
  const target = find(root, reference);
  return target === undefined ? Number.POSITIVE_INFINITY : sizeOf(target, root, known);
}

function find(root: Schema, reference: unknown): unknown {
  if (typeof reference !== "string" || !/^#(\/|$)/.test(reference)) return undefined;
  return reference
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((at: unknown, segment) => {
      return typeof at === "object" && at !== null && Object.hasOwn(at, segment) ? (at as Schema)[segment] : undefined;
    }, root);
}

function countParts(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + sum(Object.values(value), countParts);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
