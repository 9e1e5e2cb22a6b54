// Checks an expression against the types of what it is about. The engine's own checker cannot: to it an object with known
// fields is no map (no `in`, no macros, no `==`), it does not look into `has`, and it lets a value of JSON be compared with
// everything. So types are followed here, and what operators and functions take is what the engine takes.
import type { ASTNode } from "@marcbachmann/cel-js";
import { typeOfField, typeOfIndex } from "./access.ts";
import { refuseNoTest, typeOfCall, typeOfMethod } from "./calls.ts";
import { typeOfComparison, typeOfSum } from "./comparison.ts";
import type { Signatures } from "./functions.ts";
import { typeOfList, typeOfMap, typeOfValue } from "./literals.ts";
import { type Misuse, type Scope, sourceOf, type Walk } from "./misuse.ts";
import { BOOL, constantOf, describeType, isConstant, type Type, unionOf } from "./type.ts";

export interface TypesChecked {
  readonly misuses: readonly Misuse[];
  /** It can never hold, whatever the call. */
  readonly never: boolean;
}

export function checkTypes(ast: ASTNode, variables: Scope, signatures: Signatures): TypesChecked {
  const { type, misuses } = walkTest(ast, variables, signatures);
  return { misuses: misuses.filter(isFirst), never: isConstant(type, false) };
}

/** `has(args.x) && args.x > 1` is wrong once. */
function isFirst({ text, why }: Misuse, index: number, all: readonly Misuse[]): boolean {
  return all.findIndex((other) => other.text === text && other.why === why) === index;
}

interface Walked {
  readonly type: Type;
  readonly misuses: readonly Misuse[];
}

function walkOver(node: ASTNode, scope: Scope, signatures: Signatures): Walked {
  const misuses: Misuse[] = [];
  const walk: Walk = {
    signatures,
    typeOf: (inner, innerScope) => {
      if (!isJunction(inner)) return typeOfNode(inner, innerScope, walk);
      const walked = typeOfJunction(inner, innerScope, signatures);
      misuses.push(...walked.misuses);
      return walked.type;
    },
    refuse: (at, misuse) => {
      misuses.push({ text: sourceOf(at), ...misuse });
      return "anything";
    },
  };
  return { type: walk.typeOf(node, scope), misuses };
}

function typeOfNode(node: ASTNode, scope: Scope, walk: Walk): Type {
  switch (node.op) {
    case "value":
      return typeOfValue(node.args);
    case "id":
      return scope.get(node.args) ?? "anything";
    case ".":
      return typeOfField(node, walk.typeOf(node.args[0], scope), node.args[1], walk);
    case "[]":
      return typeOfIndex(node, node.args, scope, walk);
    case "call":
      return typeOfCall(node, node.args, scope, walk);
    case "rcall":
      return typeOfMethod(node, node.args, scope, walk);
    case "list":
      return typeOfList(node.args, scope, walk);
    case "map":
      return typeOfMap(node.args, scope, walk);
    case "!_":
      return typeOfNot(node.args, scope, walk);
    case "-_":
      return typeOfMinus(node.args, scope, walk);
    case "?:":
      return typeOfTernary(node.args, scope, walk);
    case "==":
    case "!=":
    case "in":
      return typeOfComparison(node, node.args, scope, walk);
    case "<":
    case "<=":
    case ">":
    case ">=":
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return typeOfSum(node, node.args, scope, walk);
    // Told in walkOver; optional access is not switched on.
    case "&&":
    case "||":
    case ".?":
    case "[?]":
      return "anything";
  }
}

type Junction = Extract<ASTNode, { readonly op: "&&" | "||" }>;

function isJunction(node: ASTNode): node is Junction {
  return node.op === "&&" || node.op === "||";
}

/** One side may settle it by which tool is called; then the other side is about other tools, and not judged. */
function typeOfJunction(node: Junction, scope: Scope, signatures: Signatures): Walked {
  const settles = node.op === "||";
  const sides = node.args.map((side) => ({ side, ...walkTest(side, scope, signatures) }));
  if (sides.some(({ type }) => isConstant(type, settles))) return { type: constantOf(settles), misuses: [] };
  const isKnown = sides.every(({ type }) => isConstant(type, !settles));
  return { type: isKnown ? constantOf(!settles) : BOOL, misuses: sides.flatMap(({ misuses }) => misuses) };
}

function walkTest(node: ASTNode, scope: Scope, signatures: Signatures): Walked {
  const { type, misuses } = walkOver(node, scope, signatures);
  const more: Misuse[] = [];
  refuseNoTest(node, type, (at, misuse) => more.push({ text: sourceOf(at), ...misuse }));
  return { type, misuses: [...misuses, ...more] };
}

function typeOfNot(node: ASTNode, scope: Scope, walk: Walk): Type {
  const type = walk.typeOf(node, scope);
  refuseNoTest(node, type, walk.refuse);
  const known = [true, false].find((value) => isConstant(type, value));
  return known === undefined ? BOOL : constantOf(!known);
}

function typeOfMinus(node: ASTNode, scope: Scope, walk: Walk): Type {
  const type = walk.typeOf(node, scope);
  if (type === "anything") return type;
  const numbers = type.flatMap((shape) => (shape.kind === "double" || shape.kind === "int" ? [shape] : []));
  if (numbers.length === 0) return walk.refuse(node, { why: `it is ${describeType(type)}, no number`, hint: "" });
  return numbers.map(({ kind, values }) => (values === undefined ? { kind } : { kind, values: values.map(negate) }));
}

function negate(value: unknown): unknown {
  return typeof value === "bigint" || typeof value === "number" ? -value : value;
}

function typeOfTernary([test, one, other]: readonly [ASTNode, ASTNode, ASTNode], scope: Scope, walk: Walk): Type {
  const type = walk.typeOf(test, scope);
  refuseNoTest(test, type, walk.refuse);
  const branches = [...(isConstant(type, false) ? [] : [one]), ...(isConstant(type, true) ? [] : [other])];
  return unionOf(branches.map((branch) => walk.typeOf(branch, scope)));
}
