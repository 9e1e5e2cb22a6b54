// Reads of commits that an earlier process kept: the first read of this one goes on from there.
import type { SourceFile } from "../../load/desired-set.ts";
import { Unavailable } from "../unavailable.ts";
import type { CommitRead } from "./read-change.ts";
import { readManifests } from "./read-manifests.ts";
import type { RememberedRead } from "./read-memory.ts";
import type { Objects } from "./tree.ts";

/** What is kept of a read beside its files: all of it is told by the ids in it. */
type KeptRead = Pick<RememberedRead, "facts" | "oid" | "base">;
type Named = Pick<SourceFile, "path" | "blob">;

/** What is needed of whoever keeps sets. */
export interface KeptReads {
  recall<Read>(
    source: string,
    readAgain: (read: Read, files: readonly Named[]) => Promise<readonly SourceFile[] | undefined>,
  ): Promise<{ readonly read: Read; readonly files: readonly SourceFile[] } | undefined>;
  keep(source: string, read: unknown, files: readonly SourceFile[]): Promise<void>;
}

export async function recallRead(
  objects: Objects,
  { path, sets, ...wanted }: CommitRead,
): Promise<RememberedRead | undefined> {
  const readAgain = async ({ facts }: KeptRead, named: readonly Named[]) => {
    const entries = named.map((file) => ({ path: file.path, oid: file.blob }));
    const { files } = await readManifests(objects, entries, { ...wanted, rootTree: facts.treeSha });
    return files;
  };
  try {
    const kept = await sets?.recall<KeptRead>(sourceName(objects.gitDir, path), readAgain);
    if (kept === undefined) return undefined;
    const { read, files } = kept;
    return { gitDir: objects.gitDir, path, ...read, isFolder: true, files, listed: [], unread: [], isKept: true };
  } catch (error) {
    // A commit that is no longer there, or a mirror that was made anew.
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

/** A listing with problems is read whole by every process, so that they are told from what is there. */
export async function keepRead(sets: KeptReads | undefined, read: RememberedRead | undefined): Promise<void> {
  if (read === undefined || !read.isFolder || read.listed.length + read.unread.length > 0) return;
  const { gitDir, path, facts, oid, base, files } = read;
  const kept: KeptRead = { facts, oid, base };
  await sets?.keep(sourceName(gitDir, path), kept, files);
}

function sourceName(gitDir: string, path: string): string {
  return `${gitDir}\0${path}`;
}
