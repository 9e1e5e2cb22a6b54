// A manifest of a kept set, and the file that it stands in. Of a hundred thousand hardly one is looked into, so each is a
// number into the columns of the set and unfolds what it holds when somebody asks. Classes: an object with closures of its
// own takes ten times as long to make. Their getters are not their own, so a copy by `...` has nothing of them.
import type { Address } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Place } from "../../contracts/problem.ts";
import type { KeptSet } from "./cache/kept-set.ts";
import type { OpenCache } from "./cache/parse-cache.ts";
import type { Candidate } from "./candidate.ts";
import type { SourceFile } from "./desired-set.ts";
import type { KnownManifest } from "./known-file.ts";
import type { PlaceBook } from "./place-book.ts";

export class KeptFile implements SourceFile {
  readonly path: string;
  readonly blob: string;
  private readonly packs: OpenCache;

  constructor(path: string, blob: string, packs: OpenCache) {
    this.path = path;
    this.blob = blob;
    this.packs = packs;
  }

  get bytes(): Uint8Array {
    return this.packs.bytes(this.blob) ?? gone(this.path);
  }
}

/** What all manifests of one kept set share. */
export interface KeptRows {
  readonly columns: Omit<KeptSet<unknown>, "read">;
  readonly files: readonly SourceFile[];
  /** Positions of those with errors, and of those with annotations. */
  readonly invalid: ReadonlySet<number>;
  readonly annotated: ReadonlySet<number>;
  readonly packs: OpenCache;
  readonly places: PlaceBook;
}

export class KeptCandidate implements Candidate {
  private readonly rows: KeptRows;
  private readonly at: number;
  private known: KnownManifest | undefined;

  constructor(rows: KeptRows, at: number) {
    this.rows = rows;
    this.at = at;
  }

  get address(): Address {
    return this.rows.columns.addresses[this.at] ?? gone(this.file.path);
  }

  get digest(): Digest {
    return this.rows.columns.digests[this.at] ?? gone(this.file.path);
  }

  get valid(): boolean {
    return !this.rows.invalid.has(this.at);
  }

  get isBare(): boolean {
    return !this.rows.annotated.has(this.at);
  }

  get index(): number {
    return this.rows.columns.indexes[this.at] ?? 0;
  }

  get place(): Place {
    const { lines, columns } = this.rows.columns;
    return { file: this.file.path, line: lines[this.at] ?? 1, column: columns[this.at] ?? 1 };
  }

  get manifest(): Manifest {
    return this.unfold().manifest;
  }

  get locate(): Candidate["locate"] {
    return (pointer) => ({ file: this.file.path, ...this.rows.places.find(this.unfold(), pointer, this.place) });
  }

  private get file(): Pick<SourceFile, "path" | "blob"> {
    return this.rows.files[this.rows.columns.files[this.at] ?? 0] ?? { path: "", blob: "" };
  }

  private unfold(): KnownManifest {
    const { path, blob } = this.file;
    const found = this.known ?? this.rows.packs.find(blob)?.manifests.find(({ index }) => index === this.index);
    this.known = found ?? gone(path);
    return this.known;
  }
}

/** Packs stay in memory once they are open, and all that a set needs was seen in them before it was recalled. */
function gone(path: string): never {
  throw new Error(`what was kept of ${path} is not there`);
}
