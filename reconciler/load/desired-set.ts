// The desired state: all manifests at one commit or of one working tree, with the places where they stand.
import type { Address } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Place, Problem } from "../../contracts/problem.ts";

/** Not to be copied by `...`: one of a kept set unfolds what it holds when somebody asks, and a copy would have none of it. */
export interface LoadedManifest {
  readonly address: Address;
  readonly manifest: Manifest;
  readonly digest: Digest;
  /** Where the document's `kind` line stands: the line that people are sent to. */
  readonly place: Place;
  /** The place of the value at a JSON pointer (`/spec/model_ref`), or of its nearest parent that exists. Lazy. */
  readonly locate: (pointer: string) => Place;
  /** It is known to have no annotation, without a look at the manifest, which may not be unfolded yet. */
  readonly isBare?: boolean;
}

/** Sorted by address; never two with the same address. */
export interface DesiredSet {
  readonly manifests: readonly LoadedManifest[];
}

/**
 * What the loader makes of a set of files. `manifests` holds the valid ones, also where others have errors, so that one
 * broken file does not hide the rest; only a result without errors is a desired state.
 */
export interface LoadResult {
  readonly set: DesiredSet;
  readonly problems: readonly Problem[];
  /** Documents that are manifests, valid or not. */
  readonly manifestCount: number;
  readonly fileCount: number;
}

/** One file as the loader gets it. `blob` (a Git object id or a digest of the bytes) is the key of the parse cache. */
export interface SourceFile {
  readonly path: string;
  readonly blob: string;
  readonly bytes: Uint8Array;
}

/** Told how many contents are about to be read; what it answers takes each as soon as it is there. */
export type Expect = (files: number) => Ahead | undefined;

/** Takes a file that will be asked for. */
export type Ahead = (file: Pick<SourceFile, "blob" | "bytes">) => void;
