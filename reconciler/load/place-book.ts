// Answers where a value stands. Places are not kept with the manifests: a set of ten thousand has a quarter of a million
// of them and needs a handful. A file is read again when somebody asks, and the last ones asked about are kept.
import type { LineColumn } from "./lines.ts";
import type { FileReading } from "./read-file.ts";

const KEPT_FILES = 64;

interface Bytes {
  readonly bytes: Uint8Array;
}

export class PlaceBook {
  private readonly read: (bytes: Uint8Array) => FileReading;
  private readonly readings = new Map<Uint8Array, FileReading>();

  constructor(read: (bytes: Uint8Array) => FileReading) {
    this.read = read;
  }

  /** The place of the value at a JSON pointer of the `index`-th manifest, or of its nearest parent that is written. */
  find({ bytes }: Bytes, index: number, pointer: string, otherwise: LineColumn): LineColumn {
    const places = this.readingOf(bytes).manifests[index]?.places;
    for (let path = pointer; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
      const place = places?.get(path);
      if (place !== undefined) return { line: place.line, column: place.column };
    }
    return otherwise;
  }

  private readingOf(bytes: Uint8Array): FileReading {
    const known = this.readings.get(bytes);
    const reading = known ?? this.read(bytes);
    this.readings.delete(bytes);
    this.readings.set(bytes, reading);
    const [oldest] = this.readings.keys();
    if (this.readings.size > KEPT_FILES && oldest !== undefined) this.readings.delete(oldest);
    return reading;
  }
}
