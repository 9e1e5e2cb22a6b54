// A set that was kept on disk becomes an assembly again, and an assembly a kept set. What manifests say is unfolded from the
// packs when somebody asks: a plan asks for those that changed.
import type { Assembly, Findings } from "./assembly.ts";
import { note, resultOf } from "./assembly.ts";
import type { InquiryRow, KeptSet } from "./cache/kept-set.ts";
import type { OpenCache } from "./cache/parse-cache.ts";
import { byAddress, type Candidate, type FileInSet } from "./candidate.ts";
import { checkOne } from "./check-one.ts";
import { Declared, type Inquiry } from "./declared.ts";
import type { SourceFile } from "./desired-set.ts";
import { Inquiries } from "./inquiries.ts";
import { KeptCandidate, KeptFile } from "./kept-candidate.ts";
import type { PlaceBook } from "./place-book.ts";

const RECALL_LIMITS = {
  /** Files that must be read again: with more of them a whole load is as good. */
  unkept: 500,
} as const;

/** What is to be read again before a kept set is one; undefined: one of its other files is not where it should be. */
export function unkeptOf<Read>(
  { paths, blobs, unkept }: KeptSet<Read>,
  packs: OpenCache,
): readonly Pick<SourceFile, "path" | "blob">[] | undefined {
  const again = new Set(unkept);
  if (!blobs.every((blob, at) => again.has(at) || packs.has(blob))) return undefined;
  return unkept.map((at) => ({ path: paths[at] ?? "", blob: blobs[at] ?? "" }));
}

export interface Recalled {
  /** In the order in which the source listed them. */
  readonly files: readonly SourceFile[];
  readonly assembly: Assembly;
}

export interface RecallTools {
  readonly packs: OpenCache;
  readonly places: PlaceBook;
  /** Those that had to be read again. */
  readonly files: readonly SourceFile[];
  /** By path, what was read of them. */
  readonly placed: ReadonlyMap<string, FileInSet>;
}

export function recallSet<Read>(kept: KeptSet<Read>, { packs, places, files: read, placed }: RecallTools): Recalled {
  const again = new Map(read.map((file) => [file.path, file]));
  const files = kept.paths.map((path, at) => again.get(path) ?? new KeptFile(path, kept.blobs[at] ?? "", packs));
  const sets = { invalid: new Set(kept.invalid), annotated: new Set(kept.annotated) };
  const rows = { columns: kept, files, ...sets, packs, places };
  const sorted = kept.addresses.map((_, at) => new KeptCandidate(rows, at));
  const inSet = filesInSet(kept, files, sorted);
  const more: Candidate[] = [];
  for (const [path, file] of placed) {
    inSet.set(path, file);
    more.push(...file.candidates);
  }
  const all = more.length === 0 ? sorted : [...sorted, ...more].toSorted(byAddress);
  const assembly = assemblyOf(kept, inSet, all);
  for (const candidate of more) note(assembly.findings, candidate.address, checkOne(candidate, assembly.declared));
  return { files, assembly };
}

const NOTHING: readonly never[] = [];

/** By path, in the order of `files`. */
function filesInSet<Read>(
  kept: KeptSet<Read>,
  files: readonly SourceFile[],
  sorted: readonly Candidate[],
): Map<string, FileInSet> {
  const found: Candidate[][] = [];
  for (const [at, candidate] of sorted.entries()) {
    const file = kept.files[at] ?? 0;
    const others = found[file];
    if (others === undefined) found[file] = [candidate];
    else others.push(candidate);
  }
  const problems = new Map(kept.fileProblems);
  const inSet = new Map<string, FileInSet>();
  for (const [at, { path, blob }] of files.entries()) {
    const candidates = inFile(found[at] ?? NOTHING);
    const manifestCount = kept.counts[at] ?? 0;
    inSet.set(path, { blob, manifestCount, isSensitive: false, candidates, problems: problems.get(at) ?? NOTHING });
  }
  return inSet;
}

function inFile(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.length < 2 ? candidates : candidates.toSorted((a, b) => a.index - b.index);
}

function assemblyOf<Read>(kept: KeptSet<Read>, files: Map<string, FileInSet>, sorted: readonly Candidate[]): Assembly {
  const candidates = new Map<string, Candidate>();
  for (const candidate of sorted) candidates.set(candidate.address, candidate);
  const looks = new Map(kept.looks);
  const findings: Findings = {
    problems: new Map(kept.problems),
    inquiries: new Inquiries(
      () => new Map(kept.inquiries().map(([address, row]) => [address, inquiryOf(row)])),
      new Map(kept.readers.map(([address, row]) => [address, inquiryOf(row)])),
    ),
    looks,
    looked: [...looks.values()].reduce((sum, looked) => sum + looked, 0),
  };
  let manifestCount = 0;
  for (const file of files.values()) manifestCount += file.manifestCount;
  const declared = new Declared(candidates);
  const parts = { files, candidates, declared, findings, sorted, toolProblems: kept.toolProblems, manifestCount };
  return { ...parts, hasDuplicates: false, result: resultOf(parts) };
}

function inquiryOf([facts, looked]: InquiryRow): Inquiry {
  return { facts, looked };
}

/** Nothing of files that may hold a secret is told: they are read and checked again. undefined: it is not worth keeping. */
export function keepSet<Read>(
  read: Read,
  files: readonly SourceFile[],
  assembly: Assembly,
  packs: OpenCache,
): KeptSet<Read> | undefined {
  const { findings } = assembly;
  const inSet = files.map(({ path }) => assembly.files.get(path));
  if (assembly.hasDuplicates || inSet.length !== assembly.files.size) return undefined;
  const unkept = inSet.flatMap((file, at) => (isKept(file, packs) ? [] : [at]));
  if (unkept.length > RECALL_LIMITS.unkept || unkept.length * 2 > files.length) return undefined;
  const left = new Set(unkept.flatMap((at) => inSet[at]?.candidates ?? []));
  const rows = assembly.sorted.filter((candidate) => !left.has(candidate));
  const fileOf = new Map(files.map(({ path }, at) => [path, at]));
  const positions = (is: (candidate: Candidate) => boolean): number[] =>
    rows.flatMap((candidate, at) => (is(candidate) ? [at] : []));
  const untold = new Set(Array.from(left, ({ address }) => address as string));
  const inquiryRows = (inquiries: Iterable<readonly [string, Inquiry]>) =>
    Array.from(inquiries, ([address, { facts, looked }]) => [address, [facts, looked]] as const).filter(
      ([address]) => !untold.has(address),
    );
  return {
    read,
    paths: files.map(({ path }) => path),
    blobs: files.map(({ blob }) => blob),
    counts: inSet.map((file) => file?.manifestCount ?? 0),
    unkept,
    fileProblems: inSet.flatMap((file, at) =>
      isKept(file, packs) && file.problems.length > 0 ? [[at, file.problems] as const] : [],
    ),
    addresses: rows.map(({ address }) => address),
    digests: rows.map(({ digest }) => digest),
    files: rows.map(({ place }) => fileOf.get(place.file) ?? 0),
    indexes: rows.map(({ index }) => index),
    lines: rows.map(({ place }) => place.line),
    columns: rows.map(({ place }) => place.column),
    invalid: positions(({ valid }) => !valid),
    annotated: positions(
      ({ isBare, manifest }) => isBare !== true && Object.keys(manifest.metadata.annotations).length > 0,
    ),
    problems: [...findings.problems].filter(([address]) => !untold.has(address)),
    toolProblems: assembly.toolProblems,
    looks: [...findings.looks].filter(([address]) => !untold.has(address)),
    readers: inquiryRows(findings.inquiries.readers),
    inquiries: () => inquiryRows(findings.inquiries.all()),
  };
}

function isKept(file: FileInSet | undefined, packs: OpenCache): file is FileInSet {
  return file !== undefined && !file.isSensitive && packs.has(file.blob);
}
