// Fields of objects and items of lists: `args.a`, `args["a"]`, `args.items[0]`.
import type { ASTNode } from "@marcbachmann/cel-js";
import { type Scope, sourceOf, type Walk } from "./misuse.ts";
import { mayBeNumber, mayBeString } from "./operators.ts";
import { describeType, type ObjectShape, type Shape, type Type, unionOf } from "./type.ts";

export function typeOfField(node: ASTNode, owner: Type, name: string, walk: Walk): Type {
  if (owner === "anything") return owner;
  const objects = owner.filter((shape) => shape.kind === "map");
  const found = objects.map((object) => object.field(name)).filter((type) => type !== undefined);
  if (found.length > 0) return unionOf(found);
  return objects.length > 0 ? missing(node, name, objects, walk) : fieldless(node, owner, walk);
}

function missing(node: ASTNode, name: string, objects: readonly ObjectShape[], walk: Walk): Type {
  const candidates = objects.flatMap(({ names }) => names());
  const why = `\`${name}\` is not there`;
  return walk.refuse(node, { why, hint: "", field: sourceOf(node), near: { word: name, candidates } });
}

function fieldless(node: ASTNode, owner: readonly Shape[], walk: Walk): Type {
  const isList = owner.some(({ kind }) => kind === "list");
  const hint = isList ? "Write `.exists(item, …)` or `[0]` for what it holds." : "";
  return walk.refuse(node, { why: `${describeType(owner)} has no fields`, hint });
}

export function typeOfIndex(node: ASTNode, [of, at]: readonly [ASTNode, ASTNode], scope: Scope, walk: Walk): Type {
  const owner = walk.typeOf(of, scope);
  if (at.op === "value" && typeof at.args === "string") return typeOfField(node, owner, at.args, walk);
  const index = walk.typeOf(at, scope);
  if (owner === "anything" || index === "anything") return "anything";
  const items = mayBeNumber(index) ? owner.flatMap((shape) => (shape.kind === "list" ? [shape.items()] : [])) : [];
  if (mayBeString(index) && owner.some(({ kind }) => kind === "map")) return "anything";
  if (items.length > 0) return unionOf(items);
  const why = `${describeType(owner)} has nothing at ${describeType(index)}`;
  return walk.refuse(node, { why, hint: "Lists are looked into by numbers, objects by strings." });
}
