// Matchers of what holds other values: lists (all, any, none) and objects (fields, additional).
import { isFields } from "../../compile/read.ts";
import type { SpecError } from "../../compiled.ts";
import { type Answer, allOf, answerOf, anyOf, negate } from "../answer.ts";
import { type ArgumentFacts, type CompileWord, type Matcher, refuse } from "../matcher.ts";

/** Longer lists are not walked. */
const MAX_ITEMS = 1_000;

type CompileMatcher = (spec: unknown, rule: string, errors: SpecError[]) => Matcher | undefined;

export function every(compile: CompileMatcher): CompileWord {
  return ofItems(compile, "a list of which every item is", allOf);
}

export function some(compile: CompileMatcher): CompileWord {
  return ofItems(compile, "a list of which some item is", anyOf);
}

export function none(compile: CompileMatcher): CompileWord {
  return ofItems(compile, "a list of which no item is", (answers) => negate(anyOf(answers)));
}

function ofItems(compile: CompileMatcher, words: string, combine: (answers: readonly Answer[]) => Answer): CompileWord {
  return (spec, rule, errors) => {
    const matcher = compile(spec, rule, errors);
    if (matcher === undefined) return undefined;
    return {
      text: `${words} ${matcher.text}`,
      holds: (value, facts) => {
        if (!Array.isArray(value) || value.length > MAX_ITEMS) return "unsure";
        return combine(value.map((item: unknown) => matcher.holds(item, facts)));
      },
    };
  };
}

export function fields(compile: CompileMatcher): CompileWord {
  return (spec, rule, errors) => {
    if (!isFields(spec) || Object.keys(spec).length === 0)
      return refuse(errors, rule, "is no map from field to matcher");
    const parts = Object.entries(spec).flatMap(([name, inner]) => {
      const matcher = compile(inner, `${rule}.${name}`, errors);
      return matcher === undefined ? [] : [{ name, matcher }];
    });
    return {
      text: parts.map(({ name, matcher }) => `with \`${name}\` ${matcher.text}`).join(" and "),
      holds: (value, facts) =>
        isFields(value) ? allOf(parts.map(({ name, matcher }) => fieldHolds(value, name, matcher, facts))) : "unsure",
    };
  };
}

function fieldHolds(
  value: Readonly<Record<string, unknown>>,
  name: string,
  matcher: Matcher,
  facts: ArgumentFacts,
): Answer {
  if (!Object.hasOwn(value, name)) return matcher.optional ? "yes" : "unsure";
  return matcher.holds(value[name], facts);
}

/** `only_fields: [a, b]`: an object that has no others. */
export const onlyFields: CompileWord = (spec, rule, errors) => {
  if (!Array.isArray(spec) || !spec.every((name) => typeof name === "string"))
    return refuse(errors, rule, "is no list of names");
  const names: readonly string[] = spec;
  return {
    text: `without fields other than ${names.map((name) => `\`${name}\``).join(", ")}`,
    holds: (value) => (isFields(value) ? answerOf(Object.keys(value).every((name) => names.includes(name))) : "unsure"),
  };
};
