// Paths into arguments: what stands at their end, and those that no call can have, because the tool's schema has no such
// field.
import { type Type, unionOf } from "./type.ts";

export type AtPath =
  | { readonly found: true; readonly type: Type }
  | {
      readonly found: false;
      /** How far the path leads, with the field that is not there. */
      readonly segments: readonly string[];
      readonly name: string;
      /** What is there instead. */
      readonly candidates: readonly string[];
    };

export function followPath(type: Type, segments: readonly string[]): AtPath {
  let at = type;
  for (const [index, name] of segments.entries()) {
    const next = fieldsNamed(at, name);
    if (next.length === 0) {
      return { found: false, segments: segments.slice(0, index + 1), name, candidates: namesIn(at) };
    }
    at = unionOf(next);
  }
  return { found: true, type: at };
}

/** Of an object's field, or of a list's items. */
export function fieldsNamed(type: Type, name: string): Type[] {
  if (type === "anything") return ["anything"];
  return type.flatMap((shape): Type[] => {
    if (shape.kind === "list") return /^[0-9]+$/.test(name) ? [shape.items()] : [];
    const field = shape.kind === "map" ? shape.field(name) : undefined;
    return field === undefined ? [] : [field];
  });
}

export function namesIn(type: Type): string[] {
  return type === "anything" ? [] : type.flatMap((shape) => (shape.kind === "map" ? shape.names() : []));
}
