// Canonical JSON (RFC 8785) and the SHA-256 digests made from it. Every digest of Countwheel is one of these.
import { hash } from "node:crypto";
import canonicalize from "canonicalize";

declare const digestBrand: unique symbol;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

/** The canonical JSON of a value; keys whose value is undefined are left out. Throws on values that JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("canonicalJson: the value has no JSON form");
  return text;
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
