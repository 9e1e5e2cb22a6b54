// Reads what differs from the tree that was read last. Answers undefined where a whole listing must decide: names that
// cannot be read, contents that are not here, more differences than are worth it.
import { posix } from "node:path";
import type { Expect, SourceFile } from "../../load/desired-set.ts";
import { collisionKey, selectManifests } from "../files/manifest-paths.ts";
import type { KeptReads } from "./kept-reads.ts";
import type { ResolvedRef } from "./local-ref.ts";
import { type FetchContents, type ManifestEntry, readManifests } from "./read-manifests.ts";
import type { KeptContents, ReadMemory, RememberedRead } from "./read-memory.ts";
import { diffTrees, type Objects, type TreeChange } from "./tree.ts";

/** Reading a listing of ten thousand takes some 50 ms; so do as many differences as this. */
const DIFFERENCES = 2_000;

/** What is to be read of which commit. */
export interface CommitRead extends ResolvedRef {
  readonly path: string;
  readonly memory: ReadMemory;
  readonly contents: KeptContents;
  readonly sets?: KeptReads | undefined;
  readonly fetchContents: FetchContents;
  readonly expect: Expect;
}

interface ChangeRead extends CommitRead {
  readonly rootTree: string;
  readonly oid: string;
}

export async function readChange(
  objects: Objects,
  wanted: ChangeRead,
  last: RememberedRead,
): Promise<Pick<RememberedRead, "files" | "listed" | "unread"> | undefined> {
  if (last.unread.length > 0) return undefined;
  const differences = await diffTrees(objects, last.oid, wanted.oid);
  const split = differences.length > DIFFERENCES ? undefined : splitChanges(differences, wanted, last);
  if (split === undefined) return undefined;
  const since = last.isKept === true ? {} : { since: last.facts.treeSha };
  const { files: come, problems } = await readManifests(objects, split.written, { ...wanted, ...since });
  if (problems.length > 0) return undefined;
  const files = split.isInPlace
    ? replaceFiles(wanted, last.files, come)
    : mergeFiles(last.files, new Set(split.gone), come);
  return { files, listed: last.listed, unread: [] };
}

interface Split {
  readonly written: readonly ManifestEntry[];
  /** Paths of files that were manifests and are not any more. */
  readonly gone: readonly string[];
  /** No path is new, and none is gone. */
  readonly isInPlace: boolean;
}

function splitChanges(
  differences: readonly TreeChange[],
  { memory }: CommitRead,
  { files, base, listed }: RememberedRead,
): Split | undefined {
  const at = memory.positions(files);
  const shown = (path: string): string => posix.join(base, path);
  const { manifests, problems } = selectManifests(
    differences.flatMap(({ entry }) => entry ?? []),
    shown,
  );
  if (problems.length > 0) return undefined;
  const written = manifests.map(({ path, oid }) => ({ path: shown(path), oid }));
  const paths = new Set(written.map(({ path }) => path));
  const gone = differences.map(({ path }) => shown(path)).filter((path) => at.has(path) && !paths.has(path));
  const created = written.filter(({ path }) => !at.has(path));
  const isInPlace = gone.length + created.length === 0;
  // Whether the problems of the listing stay as they are is sure only where all its names do.
  if (listed.length > 0 && !(isInPlace && written.length === differences.length)) return undefined;
  const keys = created.length === 0 ? undefined : memory.collisionKeys(files);
  if (created.some(({ path }) => keys?.has(collisionKey(path)))) return undefined;
  return { written, gone, isInPlace };
}

function replaceFiles(
  { memory }: CommitRead,
  files: readonly SourceFile[],
  come: readonly SourceFile[],
): readonly SourceFile[] {
  const at = memory.positions(files);
  const next = [...files];
  for (const file of come) {
    const position = at.get(file.path);
    if (position !== undefined) next[position] = file;
  }
  memory.replaced(files, next);
  return next;
}

function mergeFiles(
  files: readonly SourceFile[],
  gone: ReadonlySet<string>,
  come: readonly SourceFile[],
): readonly SourceFile[] {
  const written = new Set(come.map(({ path }) => path));
  const kept = files.filter(({ path }) => !gone.has(path) && !written.has(path));
  return [...kept, ...come].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
