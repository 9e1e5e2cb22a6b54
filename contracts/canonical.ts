// Canonical JSON (RFC 8785) and the SHA-256 digests made from it. Every digest of Countwheel is one of these.
import { hash } from "node:crypto";
import { canonicalText, mergedText } from "./canonical-text.ts";

declare const digestBrand: unique symbol;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

/**
 * The canonical JSON of a value; keys whose value is undefined are left out. Throws on values that JSON cannot hold, and
 * on those that hold themselves. Every event of a trace goes through here: npm's canonicalize takes several times as long.
 */
export function canonicalJson(value: unknown): string {
  return canonicalText(value);
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The canonical JSON of `{ ...under, ...over }`, without making that object: to put two of a dozen fields together takes
 * V8 several times as long as to write them down. A field of `over` that is undefined leaves that of `under`.
 */
export function canonicalMerged(under: Fields, over: Fields): string {
  return mergedText(under, over);
}

export function digestText(text: string | Uint8Array): Digest {
  return `sha256:${hash("sha256", text, "hex")}` as Digest;
}

export function digestOf(value: unknown): Digest {
  return digestText(canonicalText(value));
}

/** `sha256:0123abcd…` for people; whole digests are for programs. */
export function shortDigest(digest: string): string {
  return digest.startsWith("sha256:") ? `${digest.slice(0, 15)}…` : digest;
}
