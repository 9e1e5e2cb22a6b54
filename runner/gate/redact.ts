// Takes known secrets out of everything that is written down or handed on, also where they come encoded. It knows values,
// not shapes: what a runner never resolved it cannot know.
import { CUT } from "../bound-text.ts";
import { formsOf } from "./secret-forms.ts";

/** What it gives back is well-formed Unicode, too. */
export interface Redactor {
  text(text: string): string;
  /** The same value with every string in it, keys included, redacted. */
  value(value: unknown): unknown;
}

/** What stands in the place of a secret. */
export const REDACTED = "[secret]";

/** Fewer characters give nothing away, and stand at the end of many texts. */
const MIN_PART = 6;

export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = [...secrets].map(formsOf);
  const patterns = [...new Set(forms.flatMap((form) => form.patterns))].toSorted((a, b) => b.length - a.length);
  const parts = [...new Set(forms.flatMap((form) => form.texts))].filter((form) => form.length > MIN_PART);
  const pattern = patterns.length === 0 ? undefined : new RegExp(patterns.join("|"), "g");
  const text = (from: string): string => {
    const whole = wellFormed(from);
    return pattern === undefined ? whole : withoutParts(whole.replace(pattern, REDACTED), parts);
  };
  return { text, value: (value) => mapStrings(value, text) };
}

/** What a cut has left of a secret, at both ends of the text and on both sides of each mark. */
function withoutParts(text: string, forms: readonly string[]): string {
  return text
    .split(CUT)
    .map((piece) => withoutBeginning(withoutEnd(piece, forms), forms))
    .join(CUT);
}

/** `text` ends with the beginning of a secret. */
function withoutEnd(text: string, forms: readonly string[]): string {
  const tail = text.slice(-MIN_PART);
  if (tail.length < MIN_PART) return text;
  for (const form of forms) {
    for (let at = form.lastIndexOf(tail); at >= 0; at = at === 0 ? -1 : form.lastIndexOf(tail, at - 1)) {
      const part = form.slice(0, at + MIN_PART);
      if (text.endsWith(part)) return text.slice(0, -part.length) + REDACTED;
    }
  }
  return text;
}

/** `text` begins with the end of a secret. */
function withoutBeginning(text: string, forms: readonly string[]): string {
  const head = text.slice(0, MIN_PART);
  if (head.length < MIN_PART) return text;
  for (const form of forms) {
    for (let at = form.indexOf(head); at >= 0; at = form.indexOf(head, at + 1)) {
      const part = form.slice(at);
      if (text.startsWith(part)) return REDACTED + text.slice(part.length);
    }
  }
  return text;
}

/** The same error, with its text redacted in place: class, code and stack stay. What a failure quotes may hold secrets. */
export function redactFailure<E>(error: E, redactor: Redactor): E {
  if (!(error instanceof Error)) return error;
  error.message = redactor.text(error.message);
  if (error.stack !== undefined) error.stack = redactor.text(error.stack);
  return error;
}

/** Half a surrogate pair, which canonical JSON cannot hold, becomes a replacement character. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** Answers the same value where nothing in it changes, which is the rule. */
function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === "string") return map(value);
  if (typeof value !== "object" || value === null || isUnchanged(value, map)) return value;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [map(key), mapStrings(item, map)]));
}

function isUnchanged(value: unknown, map: (text: string) => string): boolean {
  if (typeof value === "string") return map(value) === value;
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every((item) => isUnchanged(item, map));
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.keys(fields).every((key) => map(key) === key && isUnchanged(fields[key], map));
}
