// Functions, methods and macros of CEL.
import type { ASTNode } from "@marcbachmann/cel-js";
import { answersOf } from "./functions.ts";
import type { Misuse, Scope, Walk } from "./misuse.ts";
import { BOOL, describeType, listOf, STRING, type Type, unionOf } from "./type.ts";

export function typeOfCall(
  node: ASTNode,
  [name, args]: readonly [string, readonly ASTNode[]],
  scope: Scope,
  walk: Walk,
): Type {
  const types = args.map((arg) => walk.typeOf(arg, scope));
  // Whether a field is there is asked of one that may be.
  if (name === "has") return BOOL;
  const answers = answersOf(walk.signatures.get(name) ?? [], null, types);
  if (answers.length > 0) return unionOf(answers);
  return walk.refuse(node, { why: `\`${name}\` does not take ${types.map(describeType).join(" and ")}`, hint: "" });
}

const TESTS = ["all", "exists", "exists_one"];
const MACROS = [...TESTS, "filter", "map"];

export function typeOfMethod(
  node: ASTNode,
  [name, of, args]: readonly [string, ASTNode, readonly ASTNode[]],
  scope: Scope,
  walk: Walk,
): Type {
  const receiver = walk.typeOf(of, scope);
  if (MACROS.includes(name)) return typeOfMacro(node, name, receiver, args, scope, walk);
  const types = args.map((arg) => walk.typeOf(arg, scope));
  const answers = answersOf(walk.signatures.get(name) ?? [], receiver, types);
  if (answers.length > 0) return unionOf(answers);
  const given = types.length === 0 ? "" : ` with ${types.map(describeType).join(" and ")}`;
  return walk.refuse(node, { why: `${describeType(receiver)} has no \`${name}\`${given}`, hint: "" });
}

/** Walks the items of a list or the names of an object's fields. The last part is what is asked, or made, of each. */
function typeOfMacro(
  node: ASTNode,
  name: string,
  receiver: Type,
  [variable, ...parts]: readonly ASTNode[],
  scope: Scope,
  walk: Walk,
): Type {
  const item = itemOf(receiver);
  if (item === undefined) {
    return walk.refuse(node, { why: `\`${name}\` walks a list, and this is ${describeType(receiver)}`, hint: "" });
  }
  const inner = variable?.op === "id" ? new Map([...scope, [variable.args, item]]) : scope;
  const types = parts.map((part) => ({ part, type: walk.typeOf(part, inner) }));
  const asked = name === "map" ? types.slice(0, -1) : types;
  for (const { part, type } of asked) refuseNoTest(part, type, walk.refuse);
  if (TESTS.includes(name)) return BOOL;
  const made = types.at(-1)?.type ?? "anything";
  return [listOf(() => (name === "filter" ? item : made))];
}

function itemOf(receiver: Type): Type | undefined {
  if (receiver === "anything") return receiver;
  const items = receiver.flatMap((shape): Type[] => {
    if (shape.kind === "list") return [shape.items()];
    return shape.kind === "map" ? [STRING] : [];
  });
  return items.length === 0 ? undefined : unionOf(items);
}

export function refuseNoTest(
  node: ASTNode,
  type: Type,
  refuse: (node: ASTNode, misuse: Omit<Misuse, "text">) => unknown,
): void {
  if (type === "anything" || type.some(({ kind }) => kind === "bool")) return;
  refuse(node, { why: `it is ${describeType(type)}, not true or false`, hint: "" });
}
