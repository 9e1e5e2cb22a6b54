// Operators between two values, and what to say where they do not fit.
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Misuse, Scope, Walk } from "./misuse.ts";
import { mayEqual, mayHold, typeOfBinary } from "./operators.ts";
import { BOOL, constantOf, describeType, type Type, valuesOf } from "./type.ts";

type Sides = readonly [ASTNode, ASTNode];

/** `==`, `!=` and `in`. */
export function typeOfComparison(node: ASTNode, [left, right]: Sides, scope: Scope, walk: Walk): Type {
  const types = [walk.typeOf(left, scope), walk.typeOf(right, scope)] as const;
  if (isTool(left) || isTool(right)) return compareTool(node.op, types, right.op === "list" && isTool(left));
  if (typeOfBinary(node.op, ...types) !== undefined) return BOOL;
  return walk.refuse(node, node.op === "in" ? notHeld(types) : neverEqual(node, types));
}

function isTool(node: ASTNode): boolean {
  return node.op === "id" && node.args === "tool";
}

/** Where it is known which tool is called, the comparison is settled, and no mistake: a rule may be about several tools. */
function compareTool(operator: string, [left, right]: readonly [Type, Type], isLiteral: boolean): Type {
  const may = operator === "in" ? mayHold(right, left) : mayEqual(left, right);
  if (!may) return constantOf(operator === "!=");
  // An agent may list a tool by its name or with its namespace: both are the tool.
  const isKnown = valuesOf(left) !== undefined && valuesOf(right) !== undefined && (operator !== "in" || isLiteral);
  return isKnown ? constantOf(operator !== "!=") : BOOL;
}

function neverEqual({ op }: ASTNode, [left, right]: readonly [Type, Type]): Omit<Misuse, "text"> {
  const always = op === "==" ? "never" : "always";
  const known = valuesOf(left) ?? [];
  const wanted = valuesOf(right) ?? [];
  const some = describeType(left);
  const other = describeType(right);
  if (some !== other) {
    const hint = other === "null" ? "Ask with `has(…)` whether there is one." : "";
    return { why: `${some} is compared with ${other}, so it ${always} holds`, hint };
  }
  return { why: `it ${always} holds`, ...nearValue(known, wanted) };
}

const SHOWN_VALUES = 12;

/** The longer list is what a schema allows. */
function nearValue(some: readonly unknown[], others: readonly unknown[]): Pick<Misuse, "hint" | "near"> {
  const [values, [word]] = some.length >= others.length ? [some, others] : [others, some];
  const shown = values.slice(0, SHOWN_VALUES).map((value) => `\`${String(value)}\``);
  const more = values.length > SHOWN_VALUES ? ", …" : "";
  const near = { word: String(word), candidates: values.map(String) };
  return { hint: values.length > 0 ? `There is only ${shown.join(", ")}${more}.` : "", near };
}

function notHeld([value, container]: readonly [Type, Type]): Omit<Misuse, "text"> {
  const objects = container === "anything" ? [] : container.filter(({ kind }) => kind === "map");
  const [name] = valuesOf(value) ?? [];
  if (objects.length > 0 && typeof name === "string") {
    const candidates = objects.flatMap((shape) => (shape.kind === "map" ? shape.names() : []));
    return { why: `there is no \`${name}\``, hint: "", near: { word: name, candidates }, field: name };
  }
  const known = valuesOf(value);
  const held = valuesOf(contentsOf(container));
  if (known !== undefined && held !== undefined && held.length > 0 && known.length > 0) {
    return { why: "it never holds", ...nearValue(known, held) };
  }
  if (describeType(container) === "a string") {
    return { why: "a string holds nothing by `in`", hint: "Write `text.contains(…)`." };
  }
  return { why: `${describeType(value)} is never in ${describeContents(container)}`, hint: "" };
}

function contentsOf(container: Type): Type {
  const [first] = container === "anything" ? [] : container;
  return first?.kind === "list" ? first.items() : [];
}

function describeContents(container: Type): string {
  const contents = contentsOf(container);
  if (contents === "anything" || contents.length > 0) return `a list of which each is ${describeType(contents)}`;
  return describeType(container) === "a list" ? "an empty list" : describeType(container);
}

/** Orders and calculations. */
export function typeOfSum(node: ASTNode, [left, right]: Sides, scope: Scope, walk: Walk): Type {
  const types = [walk.typeOf(left, scope), walk.typeOf(right, scope)] as const;
  const result = typeOfBinary(node.op, ...types);
  if (result !== undefined) return result;
  const why = `CEL has no \`${node.op}\` for ${describeType(types[0])} and ${describeType(types[1])}`;
  return walk.refuse(node, { why, hint: hintOn(node.op, types) });
}

function hintOn(operator: string, types: readonly Type[]): string {
  const kinds = types.map((type) => (type === "anything" ? [] : type.map(({ kind }) => kind)));
  if (!kinds.every((some) => some.includes("int") || some.includes("double"))) return "";
  const double = operator === "%" ? "" : "write `2.0` for `2`, or ";
  return `All numbers of JSON are doubles, which CEL does not mix with integers: ${double}put \`int(…)\` around the argument.`;
}
