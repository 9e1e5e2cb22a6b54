// Matchers of texts: globs, RE2 patterns, lengths, and equality with what the task was given.
import { RE2JS } from "re2js";
import { compilePattern, matchesPattern } from "../../names.ts";
import { type Answer, answerOf } from "../answer.ts";
import { type CompileWord, refuse } from "../matcher.ts";

/** Longer texts are not searched: RE2 is linear, but a long text times many rules still holds everybody up. */
export const MAX_MATCHED_TEXT = 4_096;
export const MAX_PATTERN = 256;

/** `*` stands for any run of characters, `/` included; case counts. */
export const glob: CompileWord = (wanted, rule, errors) => {
  const globs = readTexts(wanted);
  if (globs === undefined) return refuse(errors, rule, "is neither a text nor a list of texts");
  const patterns = globs.map(compilePattern);
  return {
    text: `like ${globs.map((text) => `\`${text}\``).join(" or ")}`,
    holds: (value) => ofText(value, (text) => answerOf(patterns.some((pattern) => matchesPattern(pattern, text)))),
  };
};

/** The whole text must match: a pattern that need only occur somewhere lets `evil.example/?https://good.example` pass. */
export const matches: CompileWord = (wanted, rule, errors) => {
  const pattern = typeof wanted === "string" ? compileRe2(wanted) : undefined;
  if (pattern === undefined) return refuse(errors, rule, `is no RE2 pattern of at most ${MAX_PATTERN} characters`);
  return {
    text: `matched by \`${String(wanted)}\``,
    holds: (value) =>
      ofText(value, (text) => (text.length > MAX_MATCHED_TEXT ? "unsure" : answerOf(pattern.matches(text)))),
  };
};

/** undefined: no RE2, or too long. */
export function compileRe2(pattern: string): RE2JS | undefined {
  if (pattern.length > MAX_PATTERN) return undefined;
  try {
    return RE2JS.compile(pattern);
  } catch {
    // Whatever is wrong with it: the caller says where it stands.
    return undefined;
  }
}

/** Characters of a text (code points), items of a list. */
export function compareLength(word: string, holds: (length: number, bound: number) => boolean): CompileWord {
  return (bound, rule, errors) => {
    if (typeof bound !== "number" || !Number.isSafeInteger(bound) || bound < 0) {
      return refuse(errors, rule, "is no whole number from 0");
    }
    return { text: `${word} ${bound} long`, holds: (value) => lengthHolds(value, (length) => holds(length, bound)) };
  };
}

function lengthHolds(value: unknown, holds: (length: number) => boolean): Answer {
  if (Array.isArray(value)) return answerOf(holds(value.length));
  return ofText(value, (text) => answerOf(holds(codePoints(text))));
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The task's input is text; a number or a boolean is compared as its text. */
export const equalsInput: CompileWord = (wanted, rule, errors) => {
  if (typeof wanted !== "string" || wanted === "") return refuse(errors, rule, "names no key of the task's input");
  return {
    text: `the task's input \`${wanted}\``,
    holds: (value, { input }) => {
      if (input === undefined || !Object.hasOwn(input, wanted)) return "unsure";
      const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
      return ofText(text, (given) => answerOf(given === input[wanted]));
    },
  };
};

/** A value of another type is no text that a rule could judge. */
export function ofText(value: unknown, judge: (text: string) => Answer): Answer {
  return typeof value === "string" ? judge(value) : "unsure";
}

/** A text or a list of texts that is not empty. */
export function readTexts(value: unknown): readonly string[] | undefined {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = items.filter((item) => typeof item === "string" && item !== "") as readonly string[];
  return items.length === 0 || texts.length < items.length ? undefined : texts;
}
