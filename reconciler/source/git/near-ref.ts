// What is said when a ref does not exist: the nearest name that does.
import { closest, distance } from "fastest-levenshtein";
import { showPlainly } from "../files/plain-text.ts";
import { Unavailable } from "../unavailable.ts";

/** `existing`: short names of branches and tags. Empty: the repository holds no commit that anybody could name. */
export function refNotFound(ref: string, repo: string, existing: readonly string[]): Unavailable {
  const missing = `\`${ref}\` is no branch, tag or commit of ${repo}`;
  if (existing.length === 0) return new Unavailable("REF_NOT_FOUND", `${missing}, which has no branches yet; push one`);
  return new Unavailable("REF_NOT_FOUND", `${missing}; ${suggest(shortName(ref), existing)}`);
}

function shortName(ref: string): string {
  return ref.replace(/^refs\/(?:heads|tags)\//, "");
}

function suggest(ref: string, existing: readonly string[]): string {
  const near = closest(ref, [...existing]);
  if (distance(ref, near) <= Math.max(2, ref.length / 3)) return `did you mean \`${showPlainly(near)}\`?`;
  const shown = existing.slice(0, 5).map((name) => `\`${showPlainly(name)}\``);
  const more = existing.length > shown.length ? ` and ${existing.length - shown.length} more` : "";
  return `it has ${shown.join(", ")}${more}`;
}
