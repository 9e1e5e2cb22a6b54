// Answers where a value stands. Not every place is kept with its manifest: a set of ten thousand has a quarter of a million
// of them and needs a handful. Kept are the places of names and references, because one missing manifest can break them
// all at once; for others a file is read again, unless it is so large that this would take too long.
import type { Manifest } from "../../contracts/manifest.ts";
import { REFERENCES_BY_KIND } from "../../contracts/references.ts";
import type { LineColumn } from "./lines.ts";
import type { FileReading, ReadManifest } from "./read-file.ts";
import { referenceValues } from "./reference-values.ts";

const KEPT_FILES = 64;
const LARGE_BYTES = 8 * 1024;

/** By JSON pointer. */
export type Places = ReadonlyMap<string, LineColumn>;

/** A manifest as the book knows it. */
export interface Placed {
  readonly bytes: Uint8Array;
  /** Its number among the manifests of its file. */
  readonly index: number;
  readonly kept: Places;
}

export function placesToKeep(bytes: Uint8Array, manifest: Manifest, read: ReadManifest): Places {
  if (bytes.length >= LARGE_BYTES) return read.places();
  const places = new Map<string, LineColumn>();
  const keep = (pointer: string): void => {
    const place = read.placeOf(pointer);
    if (place !== undefined) places.set(pointer, place);
  };
  keep("/metadata/name");
  for (const { path } of REFERENCES_BY_KIND.get(manifest.kind) ?? []) {
    for (const { pointer } of referenceValues(manifest, path)) keep(pointer);
  }
  return places;
}

export class PlaceBook {
  private readonly read: (bytes: Uint8Array) => FileReading;
  private readonly recent = new Map<Uint8Array, readonly Places[]>();

  constructor(read: (bytes: Uint8Array) => FileReading) {
    this.read = read;
  }

  /** The place of the value at a JSON pointer, or of its nearest parent that is written. */
  find({ bytes, index, kept }: Placed, pointer: string, otherwise: LineColumn): LineColumn {
    const known = kept.get(pointer);
    if (known !== undefined) return known;
    const places = bytes.length >= LARGE_BYTES ? kept : this.readAgain(bytes)[index];
    for (let path = pointer; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
      const place = places?.get(path);
      if (place !== undefined) return place;
    }
    return otherwise;
  }

  private readAgain(bytes: Uint8Array): readonly Places[] {
    const places = this.recent.get(bytes) ?? this.read(bytes).manifests.map((manifest) => manifest.places());
    this.recent.delete(bytes);
    this.recent.set(bytes, places);
    const [oldest] = this.recent.keys();
    if (this.recent.size > KEPT_FILES && oldest !== undefined) this.recent.delete(oldest);
    return places;
  }
}
