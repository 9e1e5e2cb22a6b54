// Reads what a rule is about. A list that is said and empty could never match, and an unknown key would match too much or
// too little: both are errors, which deny.
import type { Entry, SpecError } from "../compiled.ts";
import type { OperationClass } from "../request.ts";
import { compileClasses } from "./operation-class.ts";
import { type Fields, fieldOf, readEntries } from "./read.ts";

export function refuseUnknown(fields: Fields, known: readonly string[], path: string, errors: SpecError[]): void {
  for (const key of Object.keys(fields)) {
    if (!known.includes(key)) errors.push({ rule: `${path}.${key}`, message: `\`${path}.${key}\` is unknown` });
  }
}

/** null: not said, so anything. */
export function readMatch(
  fields: Fields,
  name: string,
  path: string,
  key: (text: string) => string,
  errors: SpecError[],
): Entry[] | null {
  if (fieldOf(fields, name) === undefined) return null;
  const entries = readEntries(fields, name, path, key, errors);
  if (entries.length === 0) errors.push({ rule: `${path}.${name}`, message: `\`${path}.${name}\` is empty` });
  return entries;
}

/** null: not said, so anything. */
export function readClasses(
  fields: Fields,
  path: string,
  errors: SpecError[],
): readonly OperationClass[] | "any" | null {
  if (fieldOf(fields, "operation_classes") === undefined) return null;
  return compileClasses(fields, "operation_classes", path, errors);
}
