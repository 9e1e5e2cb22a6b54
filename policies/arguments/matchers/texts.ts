// Matchers of texts: globs, RE2 patterns, lengths, and equality with what the task was given.
import { compilePattern, matchesPattern, type Pattern } from "../../names.ts";
import { compileRe2, type Re2, searchSteps } from "../../re2.ts";
import { type Answer, answerOf } from "../answer.ts";
import { type CompileWord, refuse } from "../matcher.ts";
import type { Work } from "../work.ts";

/** Longer texts are not searched: RE2 is linear, but a long text times many rules still holds everybody up. */
const MAX_MATCHED_TEXT = 4_096;
export const MAX_PATTERN = 256;
/** Comparisons of characters that cost as much as a step. */
const COMPARISONS = 128;
/** Characters that cost as much as a step to count. */
const CHARACTERS = 4;

/** `*` stands for any run of characters, `/` included; case counts. */
export const glob: CompileWord = (wanted, rule, errors) => {
  const globs = readTexts(wanted);
  if (globs === undefined) return refuse(errors, rule, "is neither a text nor a list of texts");
  const patterns = globs.map(compilePattern);
  return {
    text: `like ${globs.map((text) => `\`${text}\``).join(" or ")}`,
    holds: (value, { work }) =>
      ofText(value, (text) => {
        const steps = patterns.reduce((sum, pattern) => sum + globSteps(pattern, text.length), 0);
        return work.spend(steps) ? answerOf(patterns.some((pattern) => matchesPattern(pattern, text))) : "unsure";
      }),
  };
};

/** At worst every character of a part is compared at every place of the text. */
function globSteps({ middle }: Pattern, length: number): number {
  const longest = middle.reduce((most, part) => Math.max(most, part.length), 0);
  return 1 + middle.length + Math.ceil((length * longest) / COMPARISONS);
}

/** The whole text must match: a pattern that need only occur somewhere lets `evil.example/?https://good.example` pass. */
export const matches: CompileWord = (wanted, rule, errors) => {
  const pattern = typeof wanted === "string" ? compileRe2(wanted, MAX_PATTERN) : undefined;
  if (pattern === undefined) return refuse(errors, rule, `is no RE2 pattern of at most ${MAX_PATTERN} characters`);
  return {
    text: `matched by \`${String(wanted)}\``,
    holds: (value, { work }) =>
      ofText(value, (text) => (mayMatch(pattern, text, work) ? answerOf(pattern.matches(text)) : "unsure")),
  };
};

export function mayMatch(pattern: Re2, text: string, work: Work): boolean {
  return text.length <= MAX_MATCHED_TEXT && work.spend(searchSteps(pattern, text));
}

/** Characters of a text (code points), items of a list. */
export function compareLength(word: string, holds: (length: number, bound: number) => boolean): CompileWord {
  return (bound, rule, errors) => {
    if (typeof bound !== "number" || !Number.isSafeInteger(bound) || bound < 0) {
      return refuse(errors, rule, "is no whole number from 0");
    }
    return {
      text: `${word} ${bound} long`,
      holds: (value, { work }) => lengthHolds(value, work, (length) => holds(length, bound)),
    };
  };
}

function lengthHolds(value: unknown, work: Work, holds: (length: number) => boolean): Answer {
  if (Array.isArray(value)) return answerOf(holds(value.length));
  return ofText(value, (text) =>
    work.spend(Math.ceil(text.length / CHARACTERS)) ? answerOf(holds(codePoints(text))) : "unsure",
  );
}

function codePoints(text: string): number {
  let count = text.length;
  for (let index = 1; index < text.length; index += 1) {
    const isPair = (text.charCodeAt(index - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(index) & 0xfc00) === 0xdc00;
    if (isPair) count -= 1;
  }
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
