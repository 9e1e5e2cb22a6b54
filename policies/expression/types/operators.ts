// What the operators of CEL take, as the evaluator carries them out over JSON: a test compares this with it. It is stricter
// in one thing: values that can never be equal may not be compared.
import { BOOL, listOf, type Scalar, type Shape, type Type, unionOf } from "./type.ts";

const NUMBERS = ["double", "int"];
const ORDERED = [...NUMBERS, "string", "bool", "other"];

/** Of `left operator right`; undefined: there is none, whatever the two may be. */
export function typeOfBinary(operator: string, left: Type, right: Type): Type | undefined {
  if (["==", "!="].includes(operator)) return mayEqual(left, right) ? BOOL : undefined;
  if (["<", "<=", ">", ">="].includes(operator)) return isPossible(left, right, mayOrder) ? BOOL : undefined;
  if (operator === "in") return mayHold(right, left) ? BOOL : undefined;
  if (left === "anything" || right === "anything") return "anything";
  const results = left.flatMap((one) => right.flatMap((other) => calculated(operator, one, other)));
  return results.length === 0 ? undefined : unionOf(results);
}

function isPossible(left: Type, right: Type, may: (left: Shape, right: Shape) => boolean): boolean {
  if (left === "anything" || right === "anything") return true;
  return left.some((one) => right.some((other) => may(one, other)));
}

export function mayEqual(left: Type, right: Type): boolean {
  return isPossible(left, right, (one, other) => {
    if (!isSameKind(one, other)) return false;
    return !("values" in one && "values" in other) || shareValue(one, other);
  });
}

function isSameKind(one: Shape, other: Shape): boolean {
  return one.kind === other.kind || (NUMBERS.includes(one.kind) && NUMBERS.includes(other.kind));
}

function shareValue({ values: some = [] }: Scalar, { values: others = [] }: Scalar): boolean {
  const known = new Set(some.map(comparable));
  return others.some((value) => known.has(comparable(value)));
}

/** Integers of CEL are bigints: `5n == 5`, as in the evaluator. */
function comparable(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

function mayOrder(one: Shape, other: Shape): boolean {
  return ORDERED.includes(one.kind) && isSameKind(one, other);
}

export function mayBeNumber(type: Type): boolean {
  return type === "anything" || type.some(({ kind }) => NUMBERS.includes(kind));
}

export function mayBeString(type: Type): boolean {
  return type === "anything" || type.some(({ kind }) => kind === "string");
}

/** Lists hold values, objects the names of their fields. */
export function mayHold(container: Type, value: Type): boolean {
  if (container === "anything") return true;
  return container.some((shape) => {
    if (shape.kind === "list") return mayEqual(shape.items(), value);
    return shape.kind === "map" && namesField(value, (name) => shape.field(name) !== undefined);
  });
}

/** Whether it may be the name of a field that there is. */
function namesField(value: Type, isField: (name: string) => boolean): boolean {
  if (value === "anything") return true;
  return value.some((shape) => {
    if (shape.kind !== "string") return false;
    return shape.values === undefined || shape.values.some((name) => isField(String(name)));
  });
}

/** Of `+ - * / %`: an integer and a double do not mix. */
function calculated(operator: string, one: Shape, other: Shape): readonly Type[] {
  if (one.kind === "other" && other.kind === "other") return ["anything"];
  if (one.kind !== other.kind || !OPERATORS[one.kind].includes(operator)) return [];
  return one.kind === "list" ? [[concatenated(one, other)]] : [[{ kind: one.kind }] as Type];
}

const OPERATORS: Readonly<Record<Shape["kind"], string>> = {
  int: "+-*/%",
  double: "+-*/",
  string: "+",
  list: "+",
  bool: "",
  null: "",
  map: "",
  other: "",
};

function concatenated(one: Shape, other: Shape): Shape {
  return listOf(() => unionOf([one, other].map((shape) => (shape.kind === "list" ? shape.items() : "anything"))));
}
