// What Redis answers is `unknown`: narrowed here, at the border. What cannot be read is named by its key, never guessed.
import { PermanentFailure } from "../contracts/failure.ts";

export function corrupt(what: string, why: string): PermanentFailure {
  return new PermanentFailure("STATE_CORRUPT", `${what} in Redis cannot be believed: ${why}`, { details: { what } });
}

export function listOf(what: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw corrupt(what, "it is no list");
}

export function textOf(what: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw corrupt(what, "it is no text");
}

export function textsOf(what: string, value: unknown): readonly string[] {
  return listOf(what, value).map((item) => textOf(what, item));
}

/** Redis keeps numbers as text, and answers integers as numbers. */
export function numberOf(what: string, value: unknown): number {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw corrupt(what, "it is no number");
}

/** Milliseconds, of what TIME answers: Redis' own clock. */
export function clockOf(what: string, value: unknown): number {
  const [seconds, micros] = listOf(what, value);
  return numberOf(what, seconds) * 1_000 + Math.floor(numberOf(what, micros) / 1_000);
}

/** Empty text stands for null: a hash field cannot hold one. */
export function numberOrNull(what: string, value: unknown): number | null {
  return value === "" ? null : numberOf(what, value);
}

export function textOrNull(what: string, value: unknown): string | null {
  return value === "" ? null : textOf(what, value);
}

export function jsonOf(what: string, value: unknown): unknown {
  try {
    return JSON.parse(textOf(what, value));
  } catch (error) {
    if (error instanceof SyntaxError) throw corrupt(what, "it is no JSON");
    throw error;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectOf(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw corrupt(what, "it is no object");
}

/** A flat list of names and values, as a script answers a hash. */
export function fieldsOf(what: string, value: unknown): Readonly<Record<string, string>> {
  const flat = textsOf(what, value);
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] ?? ""] = flat[index + 1] ?? "";
  return fields;
}

/** Names and values, as a client answers a hash. */
export function fieldsIn(what: string, value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(objectOf(what, value)).map(([name, field]) => [name, textOf(what, field)]));
}
