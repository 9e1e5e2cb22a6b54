// Canonical JSON (RFC 8785) and the SHA-256 digests made from it. Every digest of Countwheel is one of these.
import { hash } from "node:crypto";
import { CanonicalWriter } from "./canonical-writer.ts";

declare const digestBrand: unique symbol;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

/**
 * The canonical JSON of a value; keys whose value is undefined are left out. Throws on values that JSON cannot hold, and
 * on those that hold themselves. Every event of a trace goes through here: npm's canonicalize takes several times as long.
 */
export function canonicalJson(value: unknown): string {
  return withWriter((writer) => {
    writer.value(value);
    return writer.text();
  });
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The canonical JSON of `{ ...under, ...over }`, without making that object: to put two of a dozen fields together takes
 * V8 several times as long as to write them down. A field of `over` that is undefined leaves that of `under`.
 */
export function canonicalMerged(under: Fields, over: Fields): string {
  return withWriter((writer) => {
    writer.merged(under, over);
    return writer.text();
  });
}

let idle: CanonicalWriter | undefined;

/** A `toJSON` that asks for canonical JSON while some is written gets a writer of its own. */
function withWriter<T>(write: (writer: CanonicalWriter) => T): T {
  const writer = idle ?? new CanonicalWriter();
  idle = undefined;
  try {
    return write(writer);
  } finally {
    writer.clear();
    idle = writer;
  }
}

export function digestText(text: string | Uint8Array): Digest {
  return `sha256:${hash("sha256", text, "hex")}` as Digest;
}

export function digestOf(value: unknown): Digest {
  return withWriter((writer) => {
    writer.value(value);
    return digestText(writer.written());
  });
}

/** `sha256:0123abcd…` for people; whole digests are for programs. */
export function shortDigest(digest: string): string {
  return digest.startsWith("sha256:") ? `${digest.slice(0, 15)}…` : digest;
}
