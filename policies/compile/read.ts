// Reads fields of a manifest that may hold anything. What cannot be read becomes an error that denies, never a default.
import type { Entry, SpecError } from "../compiled.ts";
import { compilePattern } from "../names.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field of the object itself: `__proto__` and what it inherits are nobody's fields. */
export function fieldOf(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

export interface TextItem {
  readonly text: string;
  readonly rule: string;
}

/** A list of texts; one text alone is a list of one; numbers and booleans are taken as their text. Nothing is empty. */
export function readTexts(fields: Fields, name: string, path: string, errors: SpecError[]): TextItem[] {
  const value = fieldOf(fields, name);
  if (isAbsent(value)) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.flatMap((item, index) => {
    const rule = `${path}.${name}[${index}]`;
    const text = textOf(item);
    if (text === undefined) errors.push({ rule, message: `\`${rule}\` is no text` });
    return text === undefined || text.trim() === "" ? [] : [{ text, rule }];
  });
}

export function readEntries(
  fields: Fields,
  name: string,
  path: string,
  key: (text: string) => string,
  errors: SpecError[],
): Entry[] {
  return readTexts(fields, name, path, errors).map(({ text, rule }) => ({
    text,
    rule,
    pattern: compilePattern(key(text)),
  }));
}

/** A whole number from 0; digits in quotes count. null: not there. */
export function readCount(fields: Fields, name: string, path: string, errors: SpecError[]): number | null {
  const value = fieldOf(fields, name);
  if (isAbsent(value)) return null;
  const count = typeof value === "string" && /^\s*[0-9]+\s*$/.test(value) ? Number(value) : value;
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
  errors.push({ rule: `${path}.${name}`, message: `\`${path}.${name}\` is no whole number from 0` });
  return null;
}

/** A number from 0, also one in quotes. null: not there. */
export function readAmount(fields: Fields, name: string, path: string, errors: SpecError[]): number | null {
  const value = fieldOf(fields, name);
  if (isAbsent(value)) return null;
  const amount = typeof value === "string" && /^\s*[0-9]+(\.[0-9]+)?\s*$/.test(value) ? Number(value) : value;
  if (typeof amount === "number" && Number.isFinite(amount) && amount >= 0) return amount;
  errors.push({ rule: `${path}.${name}`, message: `\`${path}.${name}\` is no number from 0` });
  return null;
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const DURATION = /^\s*(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+\s*$/;
const PART = /([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g;

/** Go's durations down to milliseconds (`250ms`, `1m30s`). null: not there. */
export function readDurationMs(fields: Fields, name: string, path: string, errors: SpecError[]): number | null {
  const value = fieldOf(fields, name);
  if (isAbsent(value)) return null;
  if (typeof value === "string" && value.length <= LONGEST_DURATION && DURATION.test(value)) {
    const parts = [...value.matchAll(PART)];
    return Math.round(
      parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS], 0),
    );
  }
  errors.push({ rule: `${path}.${name}`, message: `\`${path}.${name}\` is no duration such as \`1m30s\`` });
  return null;
}

const LONGEST_DURATION = 64;

/** One of `words`, in any case. `fallback` where it is not there; where it is something else, an error and null. */
export function readWord<W extends string>(
  fields: Fields,
  name: string,
  path: string,
  words: readonly W[],
  fallback: W,
  errors: SpecError[],
): W | null {
  const value = fieldOf(fields, name);
  if (value === undefined || value === null || value === "") return fallback;
  const text = textOf(value)?.trim().toLowerCase();
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  errors.push({ rule: `${path}.${name}`, message: `\`${path}.${name}\` is none of ${words.join(", ")}` });
  return null;
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}
