// `path_within`: a path that stays below one of some folders, however it is written and wherever its links lead.
import { isFields } from "../../compile/read.ts";
import type { SpecError } from "../../compiled.ts";
import { type Answer, allOf, answerOf, anyOf } from "../answer.ts";
import { type ArgumentFacts, type CompileWord, refuse } from "../matcher.ts";
import { ofText, readTexts } from "./texts.ts";

const FIELDS = ["roots", "base"];

/** `/srv/reports`, a list of folders, or `{roots, base}`; `base` is where relative paths begin. */
export const pathWithin: CompileWord = (wanted, rule, errors) => {
  const spec = readSpec(wanted, rule, errors);
  if (spec === undefined) return undefined;
  const { roots, base } = spec;
  return {
    text: `a path within ${roots.map((root) => `\`${root}\``).join(" or ")}`,
    holds: (value, facts) =>
      ofText(value, (text) => {
        if (!facts.work.spend(text.length + roots.length)) return "unsure";
        const path = normalise(text, base);
        return path === undefined ? "unsure" : anyOf(roots.map((root) => isWithin(path, root, facts)));
      }),
  };
};

interface Spec {
  readonly roots: readonly string[];
  readonly base: string | undefined;
}

function readSpec(wanted: unknown, rule: string, errors: SpecError[]): Spec | undefined {
  const fields = isFields(wanted) ? wanted : { roots: wanted };
  const strange = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (strange !== undefined) return refuse(errors, `${rule}.${strange}`, `is none of ${FIELDS.join(", ")}`);
  const roots = readTexts(fields["roots"])?.map((root) => normalise(root, undefined));
  if (roots === undefined || roots.includes(undefined)) return refuse(errors, rule, "names no absolute folders");
  const base = fields["base"];
  if (base === undefined) return { roots: roots.flatMap((root) => root ?? []), base };
  const start = typeof base === "string" ? normalise(base, undefined) : undefined;
  if (start === undefined) return refuse(errors, `${rule}.base`, "is no absolute folder");
  return { roots: roots.flatMap((root) => root ?? []), base: start };
}

/** Written and real path must both be within: a link inside may lead out, and a way out and back in may be a trick. */
function isWithin(path: string, root: string, { realPath }: ArgumentFacts): Answer {
  const [real, realRoot] = [realPath(path), realPath(root)];
  if (real === undefined && realRoot === undefined) return answerOf(isBelow(path, root));
  if (typeof real !== "string" || typeof realRoot !== "string") return "unsure";
  return allOf([answerOf(isBelow(path, root)), answerOf(isBelow(real, realRoot))]);
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root === "/" ? "/" : `${root}/`);
}

/**
 * What one reader takes as a name and another as a separator, a home or an escape: control characters, backslashes,
 * percent-encoding, `~`, drive letters, URLs, and the look-alikes of `.` and `/` that Unicode normalisation turns into them.
 */
const AMBIGUOUS = /[\p{Cc}\\]|%[0-9a-f]{2}|^~|^[a-z][a-z0-9+.-]*:|[\u2024\u2025\u2044\u2215\u29f8\uff0e\uff0f\ufe52]/iu;

/** undefined: nobody can tell which path this is. */
function normalise(text: string, base: string | undefined): string | undefined {
  if (text === "" || AMBIGUOUS.test(text)) return undefined;
  if (!text.startsWith("/") && base === undefined) return undefined;
  const full = text.startsWith("/") ? text : `${base}/${text}`;
  const kept: string[] = [];
  for (const segment of full.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}
