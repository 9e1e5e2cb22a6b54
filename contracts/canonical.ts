// Canonical JSON (RFC 8785) and the SHA-256 digests made from it. Every digest of Countwheel is one of these.
import { hash } from "node:crypto";

declare const digestBrand: unique symbol;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

/**
 * The canonical JSON of a value; keys whose value is undefined are left out. Throws on values that JSON cannot hold, and
 * on those that hold themselves. Every event of a trace goes through here: npm's canonicalize takes twice as long.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${value} has no JSON form`);
      return `${value}`;
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map(canonicalItem).join(",")}]`;
      return "toJSON" in value && typeof value.toJSON === "function"
        ? canonicalJson(value.toJSON())
        : canonicalObject(value as Readonly<Record<string, unknown>>);
    case "bigint":
    case "function":
    case "symbol":
    case "undefined":
      throw new TypeError(`canonicalJson: a ${typeof value} has no JSON form`);
  }
}

function canonicalItem(value: unknown): string {
  return value === undefined || typeof value === "symbol" ? "null" : canonicalJson(value);
}

type Fields = Readonly<Record<string, unknown>>;

function canonicalObject(object: Fields): string {
  let members = "";
  // The order of UTF-16 code units, which is what the RFC asks for.
  for (const key of sortedKeys(object)) members += canonicalMember(key, object[key]);
  return `{${members.slice(1)}}`;
}

/** Most objects are small, and many in order. */
function sortedKeys(object: Fields): readonly string[] {
  const keys = Object.keys(object);
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] ?? "") > (keys[at] ?? "")) return keys.toSorted();
  return keys;
}

/**
 * The canonical JSON of `{ ...under, ...over }`, without making that object: to put two of a dozen fields together takes
 * V8 several times as long as to write them down. A field of `over` that is undefined leaves that of `under`.
 */
export function canonicalMerged(under: Fields, over: Fields): string {
  const keys = Object.keys(over);
  for (const key of Object.keys(under)) if (!Object.hasOwn(over, key)) keys.push(key);
  let members = "";
  for (const key of keys.toSorted()) {
    const value = over[key];
    members += canonicalMember(key, value === undefined ? under[key] : value);
  }
  return `{${members.slice(1)}}`;
}

function canonicalMember(key: string, value: unknown): string {
  if (value === undefined || typeof value === "symbol") return "";
  return `,${quoted(key)}:${canonicalJson(value)}`;
}

/** Nothing in it is escaped, and no half of a surrogate pair can be. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;
const HALF_PAIR = /\p{Surrogate}/u;

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (HALF_PAIR.test(text)) throw new TypeError("canonicalJson: half a surrogate pair has no JSON form");
  return JSON.stringify(text);
}

export function digestText(text: string | Uint8Array): Digest {
  return `sha256:${hash("sha256", text, "hex")}` as Digest;
}

export function digestOf(value: unknown): Digest {
  return digestText(canonicalJson(value));
}

/** `sha256:0123abcd…` for people; whole digests are for programs. */
export function shortDigest(digest: string): string {
  return digest.startsWith("sha256:") ? `${digest.slice(0, 15)}…` : digest;
}
