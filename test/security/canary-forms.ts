// Every shape in which a secret may stand in a text, written apart from the product's own redaction, which is judged by it.
import { createHash } from "node:crypto";

/** Alike to no other secret from its first character to its last, with all that encodings treat in ways of their own. */
export function canaryOf(name: string): string {
  const word = createHash("sha256").update(name).digest("hex");
  return `${word.slice(0, PART)}/"+&\\ ?~<'>=%_${word.slice(-PART)}`;
}

/** Each of them gives the secret away. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const url = encodeURIComponent(secret);
  const everyByte = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    json.replace(/[&<>]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`),
    json.replaceAll("/", "\\/"),
    url,
    url.toLowerCase(),
    new URLSearchParams({ a: secret }).toString().slice(2),
    encodeURIComponent(url),
    everyByte,
    everyByte.toUpperCase(),
    markup(secret),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64Within(bytes, offset)),
  ];
}

function markup(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" };
  return text.replace(/[&<>"']/g, (char) => `&${names[char]};`);
}

/** What any Base64 text with the secret `offset` bytes after a group of three holds, in both alphabets. */
function base64Within(bytes: Buffer, offset: number): string[] {
  const whole = Buffer.concat([Buffer.alloc(offset, "x"), bytes, Buffer.alloc(3, "x")]);
  const sure = whole
    .toString("base64")
    .slice(offset === 0 ? 0 : offset + 1, Math.floor(((offset + bytes.length) * 8) / 6));
  return [sure, sure.replaceAll("+", "-").replaceAll("/", "_")];
}

/** What somebody says who was given the secret and tells it back, in a text of many encodings. */
export function tellAll(secret: string): string {
  const inside = ["", "x", "xx"].map((before) => Buffer.from(`${before}${secret}xyz`));
  return [
    ...formsOf(secret),
    ...inside.map((bytes) => bytes.toString("base64")),
    ...inside.map((bytes) => bytes.toString("base64url")),
  ].join("\n");
}

/** Its beginning and its end, alone: half a secret is what a text that was cut within it holds. */
const PART = 10;

/** Which shapes of the secret stand in a text: empty, where none does. */
export function foundIn(text: string, secret: string): readonly string[] {
  return [...formsOf(secret), secret.slice(0, PART), secret.slice(-PART)].filter((form) => text.includes(form));
}
