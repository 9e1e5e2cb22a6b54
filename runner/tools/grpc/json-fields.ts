// Whether a value fits a protocol buffers message by its mapping to JSON. The library makes something of everything: `"7 days"`
// of a number would be another call.
import type { MessageField, MessageType } from "../../../contracts/proto/find-method.ts";

const DEPTH = 64;
const INT32: readonly string[] = ["int32", "sint32", "sfixed32"];
const UINT32: readonly string[] = ["uint32", "fixed32"];
const INT64: readonly string[] = ["int64", "sint64", "sfixed64", "uint64", "fixed64"];

/** The first thing that does not fit; undefined: all of it fits. */
export function messageProblem(type: MessageType, value: unknown, path = "", depth = 0): string | undefined {
  const where = path === "" ? "the arguments" : `\`${path}\``;
  if (!isObject(value)) return `${where} must be an object`;
  if (depth > DEPTH) return `the arguments are nested deeper than ${DEPTH}`;
  for (const [name, item] of Object.entries(value)) {
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    const at = path === "" ? name : `${path}.${name}`;
    if (field === undefined) return `\`${at}\` is no field of ${type.name}`;
    const problem = fieldProblem(field.resolve(), item, at, depth);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function fieldProblem(field: MessageField, value: unknown, at: string, depth: number): string | undefined {
  const one = (item: unknown, place: string): string | undefined => itemProblem(field, item, place, depth);
  if (field.map) {
    if (!isObject(value)) return `\`${at}\` must be an object`;
    return firstOf(
      Object.entries(value).map(
        ([key, item]) =>
          () =>
            one(item, `${at}.${key}`),
      ),
    );
  }
  if (!field.repeated) return one(value, at);
  if (!Array.isArray(value)) return `\`${at}\` must be a list`;
  return firstOf(value.map((item, index) => () => one(item, `${at}.${index}`)));
}

function firstOf(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const problem = check();
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function itemProblem({ type, resolvedType }: MessageField, value: unknown, at: string, depth: number) {
  if (resolvedType !== null && "fields" in resolvedType) return messageProblem(resolvedType, value, at, depth + 1);
  if (resolvedType !== null) {
    const isKnown = typeof value === "string" ? Object.hasOwn(resolvedType.values, value) : Number.isInteger(value);
    return isKnown ? undefined : `\`${at}\` must be one of ${Object.keys(resolvedType.values).join(", ")}`;
  }
  return fits(type, value) ? undefined : `\`${at}\` must be of type ${type}`;
}

function fits(type: string, value: unknown): boolean {
  if (INT32.includes(type)) return Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31;
  if (UINT32.includes(type)) return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32;
  // Beyond what a number of JSON holds exactly, the mapping has text.
  if (INT64.includes(type))
    return Number.isSafeInteger(value) || (typeof value === "string" && /^-?\d{1,20}$/.test(value));
  switch (type) {
    case "bool":
      return typeof value === "boolean";
    case "bytes":
      return typeof value === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
    case "double":
    case "float":
      return typeof value === "number";
    default:
      return typeof value === "string";
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
