// Reads operation classes: read, write, delete, admin, and `*` for all of them.
import type { SpecError } from "../compiled.ts";
import type { OperationClass } from "../request.ts";
import { type Fields, readTexts } from "./read.ts";

const CLASSES: readonly OperationClass[] = ["read", "write", "delete", "admin"];

/** Nothing said means all: the stricter reading. */
export function compileClasses(
  fields: Fields,
  name: string,
  path: string,
  errors: SpecError[],
): readonly OperationClass[] | "any" {
  const items = readTexts(fields, name, path, errors);
  const words = items.map(({ text, rule }) => {
    const word = text.trim().toLowerCase();
    const known = CLASSES.find((candidate) => candidate === word);
    if (known === undefined && word !== "*") {
      errors.push({ rule, message: `\`${rule}\` is none of ${CLASSES.join(", ")} or *` });
    }
    return known ?? "any";
  });
  return words.length === 0 || words.includes("any") ? "any" : words.filter((word) => word !== "any");
}
