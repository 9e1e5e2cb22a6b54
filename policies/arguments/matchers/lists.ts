// Matchers of what holds other values: lists (all, any, none) and objects (fields, additional).
import { isFields } from "../../compile/read.ts";
import type { SpecError } from "../../compiled.ts";
import { type Answer, allOf, answerOf, anyOf, negate } from "../answer.ts";
import { type ArgumentFacts, type CompileWord, type Matcher, refuse } from "../matcher.ts";

/** Longer lists are not walked. */
const MAX_ITEMS = 1_000;
/** Besides what the matcher of an item or a field takes itself. */
const STEPS_PER_ITEM = 2;
const STEPS_PER_FIELD = 16;

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
        if (!Array.isArray(value) || value.length > MAX_ITEMS || !facts.work.spend(STEPS_PER_ITEM * value.length))
          return "unsure";
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
        isFields(value) && facts.work.spend(STEPS_PER_FIELD * parts.length)
          ? allOf(parts.map(({ name, matcher }) => fieldHolds(value, name, matcher, facts)))
          : "unsure",
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
  const known = new Set(names);
  return {
    text: `without fields other than ${names.map((name) => `\`${name}\``).join(", ")}`,
    holds: (value, { work }) => {
      if (!isFields(value)) return "unsure";
      const given = Object.keys(value);
      return work.spend(given.length) ? answerOf(given.every((name) => known.has(name))) : "unsure";
    },
  };
};
