// A known file as text: how it is kept on disk and how it comes back from another thread. Pure.
import type { Digest } from "../../../contracts/canonical.ts";
import type { Manifest } from "../../../contracts/manifest.ts";
import type { KnownFile, KnownManifest } from "../known-file.ts";
import type { FileProblem } from "../read-file.ts";

/**
 * Raised with every change of what reading a file, or checking a set, answers: other sentences, other places, other
 * canonical forms, other problems. A test holds it against what reading a fixed set of files answers.
 */
export const PARSE_VERSION = 13;

/** [manifest, digest, valid, line, column, index in the file, places] */
type ManifestRow = readonly [Manifest, Digest, boolean, number, number, number, readonly PlaceRow[]];
/** [pointer, line, column] */
type PlaceRow = readonly [string, number, number];
type FileRow = readonly [number, boolean, readonly FileProblem[], readonly ManifestRow[]];

export function renderKnownFile({ manifests, problems, manifestCount, isSensitive }: KnownFile): string {
  const row: FileRow = [manifestCount, isSensitive, problems, manifests.map(manifestRow)];
  return JSON.stringify(row);
}

function manifestRow({ manifest, digest, valid, kindPlace, index, kept }: KnownManifest): ManifestRow {
  const places = [...kept].map(([pointer, { line, column }]) => [pointer, line, column] as const);
  return [manifest, digest, valid, kindPlace.line, kindPlace.column, index, places];
}

/** Only for what {@link renderKnownFile} made: whoever calls has proved that. */
export function parseKnownFile(text: string, bytes: Uint8Array): KnownFile {
  const [manifestCount, isSensitive, problems, rows] = JSON.parse(text) as FileRow;
  return { bytes, manifestCount, isSensitive, problems, manifests: rows.map((row) => manifestOf(row, bytes)) };
}

function manifestOf(row: ManifestRow, bytes: Uint8Array): KnownManifest {
  const [manifest, digest, valid, line, column, index, places] = row;
  return {
    manifest,
    digest,
    valid,
    kindPlace: { line, column },
    bytes,
    index,
    /** Made when asked for: of a hundred thousand manifests hardly one is ever pointed at. */
    get kept() {
      return new Map(places.map(([pointer, at, from]) => [pointer, { line: at, column: from }]));
    },
  };
}
