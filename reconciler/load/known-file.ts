// What the loader keeps of a file once it was read: nothing in it depends on the file's name or on other files.
import type { Digest } from "../../contracts/canonical.ts";
import { type Manifest, manifestDigest } from "../../contracts/manifest.ts";
import { mayHoldCredential, sensitivePaths } from "../../contracts/sensitive.ts";
import { SECRET_KIND } from "./frames.ts";
import type { LineColumn } from "./lines.ts";
import { type Placed, placesToKeep } from "./place-book.ts";
import { type FileProblem, type FileReading, type ReadingKit, readFile } from "./read-file.ts";

export interface KnownFile {
  readonly bytes: Uint8Array;
  readonly manifests: readonly KnownManifest[];
  readonly problems: readonly FileProblem[];
  /** Documents that are manifests, valid or not. */
  readonly manifestCount: number;
  /** It may hold a secret: it is kept in memory only. */
  readonly isSensitive: boolean;
}

export interface KnownManifest extends Placed {
  readonly manifest: Manifest;
  readonly digest: Digest;
  readonly valid: boolean;
  readonly kindPlace: LineColumn;
}

/** Yields between steps of a few milliseconds. */
export function* readKnownFile(bytes: Uint8Array, kit: ReadingKit): Generator<void, KnownFile> {
  const reading = yield* readFile(bytes, kit);
  const manifests: KnownManifest[] = [];
  for (const [index, read] of reading.manifests.entries()) {
    const { manifest, valid, kindPlace } = read;
    if (manifest === undefined) continue;
    const kept = placesToKeep(bytes, manifest, read);
    manifests.push({ manifest, digest: manifestDigest(manifest), valid, kindPlace, bytes, index, kept });
    yield;
  }
  const { problems, manifestCount } = reading;
  return { bytes, manifests, problems, manifestCount, isSensitive: mayHoldSecret(bytes, manifests, reading) };
}

function mayHoldSecret(
  bytes: Uint8Array,
  manifests: readonly KnownManifest[],
  { problems, suspicious }: FileReading,
): boolean {
  if (manifests.some(({ manifest }) => sensitivePaths(manifest).length > 0)) return true;
  if (problems.some(({ code }) => code === "PLAINTEXT_SECRET" || code === "LIKELY_CREDENTIAL")) return true;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  return SECRET_KIND.test(text) || (suspicious ?? mayHoldCredential(text));
}
