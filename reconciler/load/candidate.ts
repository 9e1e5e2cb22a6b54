// A manifest of a file in a set, before it is known whether the set is sound; and what two of one address come to.
import { type Digest } from "../../contracts/canonical.ts";
import { type Manifest, manifestAddress } from "../../contracts/manifest.ts";
import type { Place, Problem } from "../../contracts/problem.ts";
import type { Declaration } from "./declared.ts";
import type { LoadedManifest, SourceFile } from "./desired-set.ts";
import type { KnownFile } from "./known-file.ts";
import type { PlaceBook } from "./place-book.ts";

export interface Candidate extends LoadedManifest, Declaration {
  readonly address: LoadedManifest["address"];
  readonly manifest: Manifest;
  readonly digest: Digest;
  /** Its number among the manifests of its file. */
  readonly index: number;
}

/** One file of the set. */
export interface FileInSet {
  readonly blob: string;
  /** Documents that are manifests, valid or not. */
  readonly manifestCount: number;
  /** It may hold a secret, and is kept in memory only. */
  readonly isSensitive: boolean;
  readonly candidates: readonly Candidate[];
  readonly problems: readonly Problem[];
}

export function placeInSet({ path, blob }: SourceFile, known: KnownFile, places: PlaceBook): FileInSet {
  const candidates = known.manifests.map(
    (read): Candidate => ({
      address: manifestAddress(read.manifest),
      manifest: read.manifest,
      digest: read.digest,
      valid: read.valid,
      place: { file: path, ...read.kindPlace },
      index: read.index,
      locate: (pointer) => ({ file: path, ...places.find(read, pointer, read.kindPlace) }),
    }),
  );
  const { manifestCount, isSensitive } = known;
  const problems = known.problems.map((problem) => ({ ...problem, file: path }));
  return { blob, manifestCount, isSensitive, candidates, problems };
}

export function byAddress(a: Candidate, b: Candidate): number {
  return a.address < b.address ? -1 : 1;
}

/** Of several with one address the first counts, by file and line; the others are problems. */
export function withoutDuplicates(candidates: Iterable<Candidate>): {
  first: Map<string, Candidate>;
  problems: Problem[];
} {
  const first = new Map<string, Candidate>();
  const problems: Problem[] = [];
  for (const candidate of candidates) {
    const other = first.get(candidate.address);
    if (other === undefined) first.set(candidate.address, candidate);
    else problems.push(duplicate(candidate, other));
  }
  return { first, problems };
}

function duplicate(candidate: Candidate, other: Candidate): Problem {
  const related: Place = other.locate("/metadata/name");
  return {
    severity: "error",
    code: "DUPLICATE_ADDRESS",
    summary: `\`${candidate.address}\` is declared twice`,
    detail: `The first one stands at ${related.file}:${related.line}:${related.column}. Rename one, or take it away.`,
    address: candidate.address,
    ...candidate.locate("/metadata/name"),
    related,
  };
}
