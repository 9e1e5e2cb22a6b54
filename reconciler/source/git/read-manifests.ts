// The contents of chosen entries of a tree: those that somebody has kept, and the rest from the repository.
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import type { Problem } from "../../../contracts/problem.ts";
import type { Ahead, Expect, SourceFile } from "../../load/desired-set.ts";
import { ensureBounded, setAsidePointers, tooLargeFile } from "../files/contents.ts";
import { Damaged, Unavailable } from "../unavailable.ts";
import type { KeptContents } from "./read-memory.ts";
import { type GitEntry, type Objects, readBlobs, readSizes } from "./tree.ts";

/** Makes sure that wanted contents of a tree are at hand. `since`: a tree whose contents are. A mirror fetches the rest. */
export type FetchContents = (treeSha: string, wanted: ReadonlySet<string>, since: string | undefined) => Promise<void>;

export type ManifestEntry = Pick<GitEntry, "path" | "oid">;

export interface ContentsWanted {
  /** The commit's whole tree. */
  readonly rootTree: string;
  /** One that was read before. */
  readonly since?: string;
  readonly contents: KeptContents;
  readonly fetchContents: FetchContents;
  readonly expect: Expect;
}

export interface ManifestsRead {
  readonly files: readonly SourceFile[];
  /** Of files that are left out: too large, or a pointer to what is elsewhere. */
  readonly problems: readonly Problem[];
}

export async function readManifests(
  objects: Objects,
  manifests: readonly ManifestEntry[],
  { rootTree, since, contents, fetchContents, expect }: ContentsWanted,
): Promise<ManifestsRead> {
  const kept = new Map<string, Uint8Array>();
  const unknown = new Set<string>();
  for (const { oid } of manifests) {
    const bytes = contents(oid);
    if (bytes === undefined) unknown.add(oid);
    else kept.set(oid, bytes);
  }
  await fetchContents(rootTree, unknown, since);
  for (const [oid, bytes] of await readAtOnce(objects, unknown, expect(unknown.size))) {
    kept.set(oid, bytes);
    unknown.delete(oid);
  }
  const sizes = await readSizes(objects, [...unknown]);
  const sizeOf = ({ oid }: ManifestEntry): number => kept.get(oid)?.length ?? sizes.get(oid) ?? 0;
  const small = manifests.filter((entry) => sizeOf(entry) <= MANIFEST_LIMITS.fileBytes);
  const large = manifests.filter((entry) => sizeOf(entry) > MANIFEST_LIMITS.fileBytes);
  ensureBounded(
    objects.repo,
    small.length,
    small.reduce((sum, entry) => sum + sizeOf(entry), 0),
  );
  const read = await readBlobs(
    objects,
    small.filter(({ oid }) => unknown.has(oid)).map(({ oid }) => oid),
  );
  const { files, problems } = setAsidePointers(
    small.map(({ path, oid }) => {
      const bytes = kept.get(oid) ?? read.get(oid);
      if (bytes === undefined) throw new Damaged(`${objects.repo} lacks the contents of \`${path}\``);
      return { path, blob: oid, bytes };
    }),
  );
  return { files, problems: [...problems, ...large.map((entry) => tooLargeFile(entry.path))] };
}

/** So much is read without asking for sizes first, which takes git a fifth of the time of reading. */
const AT_ONCE_BYTES = 64 * 1024 * 1024;

/**
 * None where they are so large that sizes must be asked for. A file of gigabytes may also make git stumble before it has told
 * its size: whatever fails here is looked at once more, one size at a time, and what is really broken fails there again.
 */
async function readAtOnce(
  objects: Objects,
  oids: ReadonlySet<string>,
  give: Ahead | undefined,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const ahead = (blob: string, bytes: Uint8Array): void => {
    if (bytes.length <= MANIFEST_LIMITS.fileBytes) give?.({ blob, bytes });
  };
  try {
    return await readBlobs(objects, [...oids], { contentBytes: AT_ONCE_BYTES, ahead });
  } catch (error) {
    if (error instanceof Unavailable) return new Map();
    throw error;
  }
}
