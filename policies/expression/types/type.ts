// The types of values in CEL expressions, as far as anybody can tell them before a call: a union of shapes, each a JSON
// value or what CEL makes of one. What a value holds is made when it is asked for: schemas may be large, and circular.

export type Type = "anything" | readonly Shape[];

export type Shape =
  | Scalar
  | { readonly kind: "list"; readonly items: () => Type }
  | ObjectShape
  /** What JSON does not have: bytes, timestamps, types. */
  | { readonly kind: "other"; readonly name: string };

export interface Scalar {
  /** All numbers of JSON are a `double`; an `int` is one that the expression itself writes or makes. */
  readonly kind: "string" | "double" | "int" | "bool" | "null";
  /** All that it may be, where that is known. */
  readonly values?: readonly unknown[];
}

export interface ObjectShape {
  readonly kind: "map";
  readonly names: () => readonly string[];
  /** undefined: has no such field. */
  readonly field: (name: string) => Type | undefined;
}

export const STRING: Type = [{ kind: "string" }];
export const BOOL: Type = [{ kind: "bool" }];

/** A value of which no schema says more. Never an `int`. */
export const JSON_VALUE: readonly Shape[] = [
  { kind: "string" },
  { kind: "double" },
  { kind: "bool" },
  { kind: "null" },
  listOf(() => JSON_VALUE),
  mapOf(() => JSON_VALUE),
];

export function listOf(items: () => Type): Shape {
  return { kind: "list", items };
}

/** All that it may be, where each is known. */
export function valuesOf(type: Type): readonly unknown[] | undefined {
  if (type === "anything") return undefined;
  const values = type.map((shape) => ("values" in shape ? shape.values : undefined));
  return values.some((some) => some === undefined) ? undefined : values.flatMap((some) => some ?? []);
}

export function constantOf(value: boolean): Type {
  return [{ kind: "bool", values: [value] }];
}

export function isConstant(type: Type, value: boolean): boolean {
  return valuesOf(type)?.every((some) => some === value) === true && type.length > 0;
}

/** Has every field. */
export function mapOf(value: () => Type): ObjectShape {
  return { kind: "map", names: () => [], field: value };
}

/** Lists and objects: every operation looks at each pair of shapes. */
const MAX_SHAPES = 48;
/** Of one value; more are not compared. */
export const MAX_VALUES = 1_000;

export function unionOf(types: readonly Type[]): Type {
  const scalars = new Map<string, Scalar>();
  const others: Shape[] = [];
  for (const type of types) {
    if (type === "anything" || others.length > MAX_SHAPES) return "anything";
    for (const shape of type) {
      if ("items" in shape || "names" in shape || shape.kind === "other") others.push(shape);
      else scalars.set(shape.kind, joined(scalars.get(shape.kind) ?? shape, shape));
    }
  }
  return [...scalars.values(), ...others];
}

function joined(one: Scalar, other: Scalar): Scalar {
  if (one === other || one.values === undefined) return one;
  const values = other.values === undefined ? undefined : [...new Set([...one.values, ...other.values])];
  return values === undefined || values.length > MAX_VALUES ? { kind: one.kind } : { kind: one.kind, values };
}

const WORDS: Readonly<Record<Shape["kind"], string>> = {
  string: "a string",
  double: "a number",
  int: "an integer",
  bool: "a boolean",
  null: "null",
  list: "a list",
  map: "an object",
  other: "a value of CEL",
};

/** `a number or null`. */
export function describeType(type: Type): string {
  if (type === "anything") return "anything";
  if (type.length === 0) return "nothing";
  if (type.length === JSON_VALUE.length) return "any value of JSON";
  return [...new Set(type.map((shape) => (shape.kind === "other" ? `a ${shape.name}` : WORDS[shape.kind])))].join(
    " or ",
  );
}
