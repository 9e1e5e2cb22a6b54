// How one secret may be written in a text: as it is, escaped for JSON, URLs and markup, in hexadecimal, inside of Base64. Pure.

/** Shorter values would take ordinary words and numbers out of results; nobody should use them as secrets. */
export const MIN_SECRET_LENGTH = 4;

export interface SecretForms {
  /** Sources of regular expressions, each of which stands for the whole secret in some encodings. */
  readonly patterns: readonly string[];
  /** Its plainest forms: what a text that was cut within the secret may begin or end with a part of. */
  readonly texts: readonly string[];
}

export function formsOf(secret: string): SecretForms {
  if (secret.length < MIN_SECRET_LENGTH) return { patterns: [], texts: [] };
  const bytes = Buffer.from(secret, "utf8");
  const lines = secret.split(/\r?\n/).filter((line) => line.trim().length >= MIN_LINE_LENGTH);
  const whole = [secret, ...(lines.length > 1 ? lines : [])];
  const encoded = [0, 1, 2].flatMap((offset) => base64At(bytes, offset));
  return {
    patterns: [
      ...whole.map((text) => escapedAnyhow(text)),
      `(?:%(?:25){0,3})?${[...bytes].map((byte) => hexAnyCase(byte)).join("(?:%(?:25){0,3})?")}`,
      ...encoded.map(escapePattern),
    ],
    texts: [
      ...whole,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(bytes.toString("utf8")),
      bytes.toString("hex"),
      ...encoded,
    ].filter((form) => form.length >= MIN_SECRET_LENGTH),
  };
}

/** A key file is a secret of many lines; each of the long ones gives it away. */
const MIN_LINE_LENGTH = 16;

/**
 * Letters and digits stand for themselves in JSON, URLs and markup; every other character has several spellings, and
 * encoders differ in which they use (Go writes `\u0026`, PHP `\/`, Python `%27`), once or over what was encoded before.
 */
function escapedAnyhow(text: string): string {
  return (text.match(/[A-Za-z0-9]+|\\+|[^A-Za-z0-9\\]/gsu) ?? []).map(spellings).join("");
}

function spellings(part: string): string {
  if (/^[A-Za-z0-9]/.test(part)) return part;
  if (part.startsWith("\\")) return backslashes(part.length);
  const ways = [`${SLASHES}${escapePattern(part)}`, percent(part), ...unicode(part)];
  const named = NAMED[part];
  if (named !== undefined) ways.push(named);
  if (part === " ") ways.push("\\+");
  return `(?:${ways.join("|")})`;
}

/** What escapes put before a character. Bounded: a text of nothing but backslashes must not take long. */
const SLASHES = "\\\\{0,7}";

/** Each may be doubled, three times over. */
function backslashes(count: number): string {
  return `(?:\\\\{${count},${count * 8}}|(?:${percent("\\")}){${count}})`;
}

function percent(char: string): string {
  return [...Buffer.from(char, "utf8")].map((byte) => `%(?:25){0,3}${hexAnyCase(byte)}`).join("");
}

function unicode(char: string): string[] {
  const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at).toString(16).padStart(4, "0"));
  const code = char.codePointAt(0) ?? 0;
  return [
    units.map((unit) => `\\\\{1,8}u${anyCase(unit)}`).join(""),
    `&#(?:${code}|[xX]0{0,4}${anyCase(code.toString(16))});`,
  ];
}

const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\n": "(?:\\r|\\\\{1,8}r)?\\\\{1,8}n",
  "\r": "\\\\{1,8}r",
  "\t": "\\\\{1,8}t",
};

function hexAnyCase(byte: number): string {
  return anyCase(byte.toString(16).padStart(2, "0"));
}

function anyCase(hex: string): string {
  return hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

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
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
