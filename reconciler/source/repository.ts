// Reads the manifests of one commit as Git objects: no checkout, so no hook, filter or link in the tree can act.
// A repository on this machine is read where it lies, any other through a mirror.
import type { Expect } from "../load/desired-set.ts";
import { normalizePath, readCommitFiles } from "./git/commit-files.ts";
import type { KeptReads } from "./git/kept-reads.ts";
import { resolveLocalRef } from "./git/local-ref.ts";
import { type KeptContents, ReadMemory } from "./git/read-memory.ts";
import { parseRef, type ValidRef } from "./git/ref.ts";
import { locateRepository, type RepositoryOptions } from "./locate-repository.ts";
import { discardMirror, fetchContents, fetchRef } from "./mirror/mirror.ts";
import type { Mirror } from "./mirror/mirror-folder.ts";
import type { FilesAnswer } from "./source.ts";
import { answerUnavailable, Damaged, Unavailable } from "./unavailable.ts";

export interface ReadCommitOptions extends RepositoryOptions {
  /** `main`, `refs/heads/main`, a tag, `HEAD`, a whole or abbreviated commit id. */
  readonly ref: string;
  /** The commit that `ref` is about to name, of a repository on this machine: the ref itself is not asked. */
  readonly commit?: string;
  /** A folder or file in the repository; `.` is its root. */
  readonly path: string;
  /** What the last read of this source came to, where there may be one. */
  readonly memory?: ReadMemory;
  /** Contents that somebody has kept, by blob: these are not read again. */
  readonly contents?: KeptContents;
  /** Told how many contents are about to be read: whoever takes them may get ready meanwhile. */
  readonly expect?: Expect;
  /** Reads that another process has kept. */
  readonly sets?: KeptReads;
}

/**
 * The manifests below `path` at the commit that `ref` names. Paths of files and problems are relative to the
 * repository's root; `treeSha` is the object at `path`. A folder without manifests is an ok answer without files; all
 * that cannot be read is `unavailable`. Rejects only with the signal's reason, or for a bug.
 */
export function readCommit(options: ReadCommitOptions): Promise<FilesAnswer> {
  return answerUnavailable(options.signal, async () => {
    const request = parseRef(options.ref);
    if (request.kind === "refused") throw new Unavailable("REF_NOT_FOUND", request.message);
    const path = normalizePath(options.path);
    const place = await locateRepository(options);
    const { memory = new ReadMemory(), contents = () => undefined, expect = () => undefined, sets } = options;
    const wanted = { path, memory, contents, expect, sets };
    if (place.kind === "remote") return readMirrored(place.mirror, { request, asked: options.ref, ...wanted });
    const { gitDir, repo } = place;
    const objects = { git: options.git, gitDir, repo, signal: options.signal };
    const { ref, commit } = options;
    const resolved = commit === undefined ? await resolveLocalRef(objects, request, ref) : { ref, sha: commit };
    return readCommitFiles(objects, { ...resolved, ...wanted, fetchContents: async () => undefined });
  });
}

interface MirrorRead {
  readonly request: ValidRef;
  readonly asked: string;
  readonly path: string;
  readonly memory: ReadMemory;
  readonly contents: KeptContents;
  readonly expect: Expect;
  readonly sets: KeptReads | undefined;
}

/** A damaged mirror is neither the network's fault nor the author's, and holds nothing of its own: it is made anew once. */
async function readMirrored(mirror: Mirror, { request, asked, ...wanted }: MirrorRead): Promise<FilesAnswer> {
  const objects = { git: mirror.git, gitDir: mirror.gitDir, repo: mirror.remote.url, signal: mirror.signal };
  const read = async (): Promise<FilesAnswer> =>
    readCommitFiles(objects, {
      ...(await fetchRef(mirror, request, asked)),
      ...wanted,
      fetchContents: (treeSha, oids, since) => fetchContents(mirror, treeSha, oids, since),
    });
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    await discardMirror(mirror);
    return read();
  }
}
