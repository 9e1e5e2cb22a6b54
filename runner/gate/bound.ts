// Bounds what enters a trace: long texts and large values are cut with a mark that says how much there was, and the
// digest of the whole stands beside them. Nothing is cut silently.
import { digestOf, digestText } from "../../contracts/canonical.ts";
import { REDACTED, type Redactor, wellFormed } from "./redact.ts";

export const TRACE_LIMITS = {
  /** Characters of one text. */
  text: 2_048,
  /** Characters of all arguments together, as JSON. */
  value: 16_384,
  /** Nesting of arguments. */
  depth: 32,
} as const;

/** Names under which people put secrets that no manifest knows. */
const SECRET_NAMES: readonly string[] = [
  "password",
  "passwd",
  "secret",
  "token",
  "apikey",
  "accesstoken",
  "refreshtoken",
  "clientsecret",
  "privatekey",
  "authorization",
  "credentials",
  "cookie",
];

/** Redacted, bounded arguments for an event. */
export function boundValue(value: unknown, redactor: Redactor): unknown {
  const bounded = boundAt(redactor.value(value), 0);
  const text = JSON.stringify(bounded) ?? "null";
  if (text.length <= TRACE_LIMITS.value) return bounded;
  return {
    cut: `${text.length} characters`,
    digest: digestOf(bounded),
    begin: wellFormed(text.slice(0, TRACE_LIMITS.text)),
  };
}

export function boundText(text: string, redactor: Redactor): string {
  return cut(redactor.text(text));
}

function cut(text: string): string {
  if (text.length <= TRACE_LIMITS.text) return text;
  return `${wellFormed(text.slice(0, TRACE_LIMITS.text))}… (cut: ${text.length} characters, ${digestText(text)})`;
}

function boundAt(value: unknown, depth: number): unknown {
  if (typeof value === "string") return cut(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= TRACE_LIMITS.depth) return `… (cut: deeper than ${TRACE_LIMITS.depth})`;
  if (Array.isArray(value)) return value.map((item) => boundAt(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [cut(key), isSecretName(key) ? REDACTED : boundAt(item, depth + 1)]),
  );
}

function isSecretName(key: string): boolean {
  return SECRET_NAMES.includes(key.toLowerCase().replace(/[^a-z]/g, ""));
}
