// The loader: files in, a desired set and every problem out. Deterministic: neither the order of the files nor what was
// loaded before changes the answer.
import { type Digest } from "../../contracts/canonical.ts";
import { type Manifest, manifestAddress, manifestDigest } from "../../contracts/manifest.ts";
import { compareProblems, type Place, type Problem } from "../../contracts/problem.ts";
import { checkReferences } from "./check-references.ts";
import { checkCycle, checkGraph, checkTemplate, checkToolNames } from "./check-set.ts";
import { type Declaration, Declared } from "./declared.ts";
import type { LoadedManifest, LoadResult, SourceFile } from "./desired-set.ts";
import type { LineColumn } from "./lines.ts";
import { createPacer, type Pacer, runAtOnce, runPaced } from "./pacer.ts";
import { PlaceBook, type Placed, placesToKeep } from "./place-book.ts";
import { createReadingKit, type FileReading, type ReadingKit, readFile } from "./read-file.ts";
import { selectFiles } from "./select-files.ts";

export interface LoadOptions {
  /** Thrown where it is aborted, with its reason. */
  readonly signal?: AbortSignal;
}

export interface Loader {
  load(files: readonly SourceFile[], options?: LoadOptions): Promise<LoadResult>;
}

interface CachedFile {
  readonly manifests: readonly CachedManifest[];
  readonly problems: FileReading["problems"];
  readonly manifestCount: number;
}

interface CachedManifest extends Placed {
  readonly manifest: Manifest;
  readonly digest: Digest;
  readonly valid: boolean;
  readonly kindPlace: LineColumn;
}

/**
 * One loader serves one environment: files are kept by blob from one load to the next, so that an unchanged file costs
 * a look-up. What neither of the last two loads used is forgotten.
 */
export function createLoader(): Loader {
  const kit = createReadingKit();
  const places = new PlaceBook((bytes) => runAtOnce(readFile(bytes, kit)));
  let recent = new Map<string, CachedFile>();
  let older = new Map<string, CachedFile>();
  return {
    async load(files, { signal } = {}) {
      const selected = selectFiles(files);
      const pace = createPacer();
      const used = new Map<string, CachedFile>();
      const read: Declaring[] = [];
      for (const file of selected) {
        signal?.throwIfAborted();
        const cached =
          used.get(file.blob) ?? recent.get(file.blob) ?? older.get(file.blob) ?? (await readOnce(file, kit, pace));
        used.set(file.blob, cached);
        read.push({ path: file.path, cached });
        await pace();
      }
      [older, recent] = [recent, used];
      return assemble(read, places, pace);
    },
  };
}

interface Declaring {
  readonly path: string;
  readonly cached: CachedFile;
}

async function readOnce({ bytes }: SourceFile, kit: ReadingKit, pace: Pacer): Promise<CachedFile> {
  const reading = await runPaced(readFile(bytes, kit), pace);
  const manifests = reading.manifests.flatMap((read, index) => {
    const { manifest, valid, kindPlace } = read;
    if (manifest === undefined) return [];
    const kept = placesToKeep(bytes, manifest, read);
    return [{ manifest, digest: manifestDigest(manifest), valid, kindPlace, bytes, index, kept }];
  });
  return { manifests, problems: reading.problems, manifestCount: reading.manifestCount };
}

interface Candidate extends LoadedManifest, Declaration {}

async function assemble(read: readonly Declaring[], places: PlaceBook, pace: Pacer): Promise<LoadResult> {
  const candidates = read.flatMap((file) => candidatesOf(file, places));
  const { unique, problems: duplicates } = withoutDuplicates(candidates);
  const declared = new Declared(unique);
  const found: Problem[] = [...read.flatMap(problemsOf), ...duplicates];
  for (const candidate of unique) {
    found.push(...checkReferences(candidate, declared));
    if (candidate.valid)
      found.push(...checkGraph(candidate), ...checkTemplate(candidate, declared), ...checkCycle(candidate, declared));
    await pace();
  }
  found.push(...checkToolNames(unique.filter(({ valid }) => valid)));
  return {
    set: { manifests: unique.filter(({ valid }) => valid).map(toLoaded) },
    problems: found.toSorted(compareWhole),
    manifestCount: read.reduce((sum, { cached }) => sum + cached.manifestCount, 0),
    fileCount: read.length,
  };
}

function candidatesOf({ path, cached }: Declaring, places: PlaceBook): Candidate[] {
  return cached.manifests.map((known) => ({
    address: manifestAddress(known.manifest),
    manifest: known.manifest,
    digest: known.digest,
    valid: known.valid,
    place: { file: path, ...known.kindPlace },
    locate: (pointer) => ({ file: path, ...places.find(known, pointer, known.kindPlace) }),
  }));
}

function problemsOf({ path, cached }: Declaring): Problem[] {
  return cached.problems.map((problem) => ({ ...problem, file: path }));
}

function toLoaded({ address, manifest, digest, place, locate }: Candidate): LoadedManifest {
  return { address, manifest, digest, place, locate };
}

/** Sorted by address. Of several with one address the first counts, by file and line; the others are problems. */
function withoutDuplicates(candidates: readonly Candidate[]): { unique: Candidate[]; problems: Problem[] } {
  const first = new Map<string, Candidate>();
  const problems: Problem[] = [];
  for (const candidate of candidates) {
    const other = first.get(candidate.address);
    if (other === undefined) first.set(candidate.address, candidate);
    else problems.push(duplicate(candidate, other));
  }
  return { unique: [...first.values()].toSorted((a, b) => (a.address < b.address ? -1 : 1)), problems };
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

/** Also the last tie is broken by content, so that the order never depends on how the problems were found. */
function compareWhole(a: Problem, b: Problem): number {
  return compareProblems(a, b) || (a.summary < b.summary ? -1 : a.summary > b.summary ? 1 : 0);
}
