// Canonical JSON (RFC 8785) and the SHA-256 digests made from it. Every digest of Countwheel is one of these.
import { hash } from "node:crypto";
import { canonicalJson } from "./canonical-text.ts";

export { canonicalJson, canonicalMerged } from "./canonical-text.ts";

declare const digestBrand: unique symbol;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

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
