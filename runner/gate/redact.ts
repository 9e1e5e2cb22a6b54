// Takes known secrets out of everything that is written down or handed on, also where they come encoded. It knows values,
// not shapes: what a runner never resolved it cannot know.

/** What it gives back is well-formed Unicode, too. */
export interface Redactor {
  text(text: string): string;
  /** The same value with every string in it, keys included, redacted. */
  value(value: unknown): unknown;
}

/** What stands in the place of a secret. */
export const REDACTED = "[secret]";

/** Shorter values would take ordinary words and numbers out of results; nobody should use them as secrets. */
export const MIN_SECRET_LENGTH = 4;

export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = [...new Set([...secrets].flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  const pattern = forms.length === 0 ? undefined : new RegExp(forms.map(escapePattern).join("|"), "g");
  const text = (from: string): string => {
    const whole = wellFormed(from);
    return pattern === undefined ? whole : whole.replace(pattern, REDACTED);
  };
  return { text, value: (value) => mapStrings(value, text) };
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

/** As it is, and as it looks in JSON, in URLs, in hexadecimal and inside of any Base64 text, such as a Basic header. */
function formsOf(secret: string): string[] {
  if (secret.length < MIN_SECRET_LENGTH) return [];
  const bytes = Buffer.from(secret, "utf8");
  const url = encodeURIComponent(bytes.toString("utf8"));
  const lines = secret.split(/\r?\n/).filter((line) => line.trim().length >= MIN_LINE_LENGTH);
  return [
    secret,
    ...(lines.length > 1 ? lines : []),
    JSON.stringify(secret).slice(1, -1),
    url,
    url.replace(/%20/g, "+"),
    url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
  ].filter((form) => form.length >= MIN_SECRET_LENGTH);
}

/** A key file is a secret of many lines; each of the long ones gives it away. */
const MIN_LINE_LENGTH = 16;

/** The part of a Base64 text that the secret alone decides, when it begins `offset` bytes after a group of three. */
function base64At(secret: Buffer, offset: number): string[] {
  const padded = Buffer.concat([Buffer.alloc(offset), secret])
    .toString("base64")
    .replace(/=+$/, "");
  const from = offset === 0 ? 0 : offset + 1;
  const whole = Math.floor(((offset + secret.length) * 8) / 6);
  const form = padded.slice(from, whole);
  if (form.length < MIN_ENCODED_LENGTH) return [];
  return [form, form.replace(/\+/g, "-").replace(/\//g, "_")];
}

/** Fewer characters of Base64 turn up in any text. */
const MIN_ENCODED_LENGTH = 6;

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
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
