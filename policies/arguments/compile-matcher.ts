// Compiles a matcher: a plain value, a list of values, or a map of words such as `{at_most: 100, type: integer}`.
import { isFields } from "../compile/read.ts";
import type { SpecError } from "../compiled.ts";
import { allOf } from "./answer.ts";
import { type CompileWord, type Matcher, refuse } from "./matcher.ts";
import { argv } from "./matchers/argv.ts";
import { every, fields, none, onlyFields, some } from "./matchers/lists.ts";
import { pathWithin } from "./matchers/path-within.ts";
import { sql } from "./matchers/sql.ts";
import { compareLength, equalsInput, glob, matches } from "./matchers/texts.ts";
import { urlHost } from "./matchers/url-host.ts";
import { compareNumber, equals, isType, not, oneOf } from "./matchers/values.ts";

const WORDS: Readonly<Record<string, CompileWord>> = {
  equals,
  not_equals: not(equals),
  one_of: oneOf,
  none_of: not(oneOf),
  type: isType,
  greater_than: compareNumber("greater than", (value, bound) => value > bound),
  at_least: compareNumber("at least", (value, bound) => value >= bound),
  less_than: compareNumber("less than", (value, bound) => value < bound),
  at_most: compareNumber("at most", (value, bound) => value <= bound),
  glob,
  not_glob: not(glob),
  matches,
  not_matches: not(matches),
  min_length: compareLength("at least", (length, bound) => length >= bound),
  max_length: compareLength("at most", (length, bound) => length <= bound),
  equals_input: equalsInput,
  path_within: pathWithin,
  url_host: urlHost,
  argv,
  sql,
  all: every(compileMatcher),
  any: some(compileMatcher),
  none: none(compileMatcher),
  fields: fields(compileMatcher),
  only_fields: onlyFields,
  not: not(compileMatcher),
};

/** Characters of a place in a rule. Each matcher inside of another one adds its word. */
const MAX_RULE = 1_024;

/** What a matcher may consist of. */
export const MATCHER_WORDS: readonly string[] = [...Object.keys(WORDS), "optional"];

/** undefined: an error was added. A word that nobody knows is one: it would match too much or too little. */
export function compileMatcher(spec: unknown, rule: string, errors: SpecError[]): Matcher | undefined {
  if (rule.length > MAX_RULE) return refuse(errors, `${rule.slice(0, MAX_RULE)}…`, "is nested too deeply");
  if (!isFields(spec)) return plain(Array.isArray(spec) ? oneOf : equals, spec, rule, errors);
  const { optional, ...words } = spec;
  const before = errors.length;
  if (optional !== undefined && typeof optional !== "boolean")
    return refuse(errors, `${rule}.optional`, "is no true or false");
  if (Object.keys(words).length === 0) return refuse(errors, rule, "says nothing about the argument");
  const parts = Object.entries(words).flatMap(([word, value]) => {
    const compile = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    const path = `${rule}.${word}`;
    return compile === undefined ? (refuse(errors, path, "is unknown") ?? []) : (compile(value, path, errors) ?? []);
  });
  if (errors.length > before) return undefined;
  return {
    text: parts.map(({ text }) => text).join(" and "),
    optional: optional === true,
    holds: (value, facts) =>
      facts.work.spend(parts.length) ? allOf(parts.map((part) => part.holds(value, facts))) : "unsure",
  };
}

function plain(compile: CompileWord, spec: unknown, rule: string, errors: SpecError[]): Matcher | undefined {
  const matcher = compile(spec, rule, errors);
  if (matcher === undefined) return undefined;
  return {
    text: matcher.text,
    optional: false,
    holds: (value, facts) => (facts.work.spend(1) ? matcher.holds(value, facts) : "unsure"),
  };
}
