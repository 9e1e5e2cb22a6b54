// Values that an expression writes itself.
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Scope, Walk } from "./misuse.ts";
import { listOf, mapOf, type Type, unionOf } from "./type.ts";

export function typeOfValue(value: unknown): Type {
  if (value === null) return [{ kind: "null" }];
  if (typeof value === "string") return [{ kind: "string", values: [value] }];
  if (typeof value === "bigint") return [{ kind: "int", values: [value] }];
  if (typeof value === "number") return [{ kind: "double", values: [value] }];
  if (typeof value === "boolean") return [{ kind: "bool", values: [value] }];
  return value instanceof Uint8Array ? [{ kind: "other", name: "bytes" }] : [{ kind: "int" }];
}

export function typeOfList(items: readonly ASTNode[], scope: Scope, walk: Walk): Type {
  const item = unionOf(items.map((node) => walk.typeOf(node, scope)));
  return [listOf(() => item)];
}

export function typeOfMap(entries: readonly (readonly [ASTNode, ASTNode])[], scope: Scope, walk: Walk): Type {
  const fields = new Map<string, Type>();
  for (const [key, value] of entries) {
    const type = walk.typeOf(value, scope);
    if (key.op !== "value" || typeof key.args !== "string") return [mapOf(() => "anything")];
    fields.set(key.args, type);
  }
  return [{ kind: "map", names: () => [...fields.keys()], field: (name) => fields.get(name) }];
}
