// Reads scalars by what the schema expects: text as it was typed, numbers and booleans with or without quotes. Pure.
import { Scalar } from "yaml";
import type { Schema } from "../../contracts/schema.ts";

/** A scalar as it was typed: `1.10`, `0123` and `yes` stay what they are. */
export function typedText(scalar: Scalar): string {
  return scalar.source ?? "";
}

export function isPlain(scalar: Scalar): boolean {
  return scalar.type === Scalar.PLAIN || scalar.type === undefined;
}

const NULL = /^(?:|~|null|Null|NULL)$/;

/** Nothing is written, or `null`: a field that is not there. */
export function isNothing(scalar: Scalar): boolean {
  return isPlain(scalar) && NULL.test(typedText(scalar));
}

/** What a value was read as, and what an author should know about it. */
export type Reading<T> =
  | { readonly outcome: "value"; readonly value: T; readonly remark?: string }
  | { readonly outcome: "default"; readonly remark: string }
  | { readonly outcome: "wrong"; readonly expected: string };

export function readNumber(scalar: Scalar, schema: Schema, strict: boolean): Reading<number> {
  const text = typedText(scalar).trim();
  const whole = schema.type === "integer";
  const expected = whole ? "a whole number" : "a number";
  const fits = (whole ? /^[-+]?[0-9]+$/ : /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/).test(text);
  const value = Number(text);
  if (!fits || !Number.isFinite(value) || (whole && !Number.isSafeInteger(value)))
    return { outcome: "wrong", expected };
  if (strict)
    return isPlain(scalar) ? { outcome: "value", value } : { outcome: "wrong", expected: `${expected} without quotes` };
  return withinBounds(value, schema);
}

/** Orloj takes a count below its least value for the default, and cuts one above its largest. */
function withinBounds(value: number, { minimum, maximum }: Schema): Reading<number> {
  if (minimum !== undefined && value < minimum) {
    return { outcome: "default", remark: `is below ${minimum} and means the default` };
  }
  if (maximum !== undefined && value > maximum) {
    return { outcome: "value", value: maximum, remark: `is above ${maximum} and counts as ${maximum}` };
  }
  return { outcome: "value", value };
}

export function readFlag(scalar: Scalar, strict: boolean): Reading<boolean> {
  const text = typedText(scalar).trim();
  if (strict) {
    if (isPlain(scalar) && /^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) {
      return { outcome: "value", value: text.toLowerCase() === "true" };
    }
    return { outcome: "wrong", expected: "true or false" };
  }
  const word = text.toLowerCase();
  if (word === "true" || word === "1") return { outcome: "value", value: true };
  if (word === "false" || word === "0" || word === "") return { outcome: "value", value: false };
  // YAML 1.1 and Orloj disagree about these; the author's meaning is plain.
  if (/^(?:yes|on|y)$/.test(word)) return { outcome: "value", value: true, remark: "is read as `true`" };
  if (/^(?:no|off|n)$/.test(word)) return { outcome: "value", value: false, remark: "is read as `false`" };
  return { outcome: "wrong", expected: "true or false" };
}

/** The word of an enumeration that is meant, or the text as it stands for the validator to refuse. */
export function readWord(text: string, schema: Schema, strict: boolean): string {
  const words = schema.enum;
  if (words === undefined || strict) return text;
  const wanted = text.trim().toLowerCase();
  const prefix = schema["x-prefix"] ?? "";
  const bare = wanted.startsWith(prefix) ? wanted.slice(prefix.length) : wanted;
  return words.find((word) => word === bare) ?? text;
}

const INTEGER = /^[-+]?[0-9]+$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** How everything begins that is no text without quotes. */
const NO_TEXT = /^(?:[-+.0-9~nNtTfF]|$)/;

/** YAML 1.2 core, whatever a `%YAML` line says. `undefined` for what JSON cannot hold. */
export function coreValue(scalar: Scalar): string | number | boolean | null | undefined {
  const text = typedText(scalar);
  if (!isPlain(scalar) || scalar.tag === "tag:yaml.org,2002:str") return text;
  if (!NO_TEXT.test(text)) return text;
  if (NULL.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (INTEGER.test(text) || FLOAT.test(text)) return finite(Number(text));
  if (/^0o[0-7]+$/.test(text) || /^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  return /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text) ? undefined : text;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
