// Matchers of plain values: equality, sets, types and numbers.
import { isFields } from "../../compile/read.ts";
import { type Answer, answerOf, negate } from "../answer.ts";
import { type CompileWord, refuse, type WordMatcher } from "../matcher.ts";
import { countValues } from "../work.ts";

export const equals: CompileWord = (wanted, rule, errors) => {
  if (!isJson(wanted)) return refuse(errors, rule, "is no plain value");
  const steps = countValues(wanted);
  return {
    text: shown(wanted),
    holds: (value, { work }) => (work.spend(steps) ? sameJson(value, wanted) : "unsure"),
  };
};

export const oneOf: CompileWord = (wanted, rule, errors) => {
  if (!Array.isArray(wanted) || wanted.length === 0) return refuse(errors, rule, "is no list of values");
  if (!wanted.every(isJson)) return refuse(errors, rule, "holds something that is no plain value");
  const values: readonly unknown[] = wanted;
  const steps = countValues(values);
  return {
    text: `one of ${values.map(shown).join(", ")}`,
    holds: (value, { work }) => {
      if (!work.spend(steps)) return "unsure";
      const answers = values.map((candidate) => sameJson(value, candidate));
      return answers.includes("yes") ? "yes" : answers.includes("unsure") ? "unsure" : "no";
    },
  };
};

export function not(compile: CompileWord): CompileWord {
  return (wanted, rule, errors) => {
    const matcher = compile(wanted, rule, errors);
    return matcher === undefined
      ? undefined
      : { text: `not ${matcher.text}`, holds: (value, facts) => negate(matcher.holds(value, facts)) };
  };
}

const TYPES = ["string", "number", "integer", "boolean", "list", "object", "null"] as const;

export const isType: CompileWord = (wanted, rule, errors) => {
  const type = TYPES.find((candidate) => candidate === wanted);
  if (type === undefined) return refuse(errors, rule, `is none of ${TYPES.join(", ")}`);
  return { text: `of type ${type}`, holds: (value) => answerOf(hasType(value, type)) };
};

function hasType(value: unknown, type: (typeof TYPES)[number]): boolean {
  switch (type) {
    case "integer":
      return Number.isSafeInteger(value);
    case "list":
      return Array.isArray(value);
    case "object":
      return isFields(value);
    case "null":
      return value === null;
    case "string":
    case "number":
    case "boolean":
      return typeof value === type && !(type === "number" && !Number.isFinite(value));
  }
}

/**
 * Only numbers are compared. `"1e9"` and `"100"` are texts, which the tool may read as numbers in its own way, and JSON's
 * `1e999` is read as infinity: nobody can tell what they are.
 */
export function compareNumber(word: string, holds: (value: number, bound: number) => boolean): CompileWord {
  return (bound, rule, errors): WordMatcher | undefined => {
    if (typeof bound !== "number" || !Number.isFinite(bound)) return refuse(errors, rule, "is no number");
    return {
      text: `${word} ${bound}`,
      holds: (value) =>
        typeof value === "number" && Number.isFinite(value) ? answerOf(holds(value, bound)) : "unsure",
    };
  };
}

/** Deep equality of JSON values. A number that JSON cannot hold is the same as nothing, and different from nothing. */
function sameJson(value: unknown, wanted: unknown): Answer {
  if (typeof value === "number" && !Number.isFinite(value)) return "unsure";
  if (Array.isArray(wanted)) return answerOf(Array.isArray(value) && sameItems(value, wanted));
  if (isFields(wanted)) return answerOf(isFields(value) && sameFields(value, wanted));
  return answerOf(value === wanted);
}

function sameItems(value: readonly unknown[], wanted: readonly unknown[]): boolean {
  return value.length === wanted.length && wanted.every((item, index) => sameJson(value[index], item) === "yes");
}

function sameFields(value: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(wanted);
  if (names.length !== Object.keys(value).length) return false;
  return names.every((name) => Object.hasOwn(value, name) && sameJson(value[name], wanted[name]) === "yes");
}

function isJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  if (isFields(value)) return Object.values(value).every(isJson);
  return value === null || typeof value === "string" || typeof value === "boolean";
}

const SHOWN = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
