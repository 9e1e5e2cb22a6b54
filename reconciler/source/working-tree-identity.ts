// Tells whether a folder on disk holds exactly the manifests of the repository's HEAD. Bytes are compared: `git status`
// would run the filters and monitors that the repository configures.
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { basename, posix, relative, resolve, sep } from "node:path";
import { selectManifests } from "./files/manifest-paths.ts";
import { type CommitFacts, readCommitFacts } from "./git/commit-info.ts";
import { findRepositoryAround } from "./git/git-dir.ts";
import { commitOf } from "./git/local-ref.ts";
import { findEntry, listTree, type Objects } from "./git/tree.ts";
import type { GitSetup } from "./git-setup.ts";
import type { SourceIdentity } from "./source.ts";
import { Unavailable } from "./unavailable.ts";

interface Asked {
  readonly git: GitSetup;
  readonly folder: string;
  readonly signal: AbortSignal;
}

interface File {
  /** Relative to `base`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Clean (`headSha` set, `dirty` false): every manifest has the bytes that HEAD has there, none more and none less.
 * `repo` is the repository's root and `path` relative to it; outside of a repository it is the folder itself.
 */
export async function identifyWorkingTree(asked: Asked, base: string, files: readonly File[]): Promise<SourceIdentity> {
  const named = await realpath(resolve(asked.folder));
  const around = await findRepositoryAround(named);
  if (around?.workTree === undefined) return dirty(base, named === base ? "." : basename(named));
  const path = relative(around.workTree, named).split(sep).join("/") || ".";
  const objects: Objects = { git: asked.git, gitDir: around.gitDir, repo: around.workTree, signal: asked.signal };
  const head = await readHead(objects, path);
  if (head === undefined || !sameFiles(head.oids, files)) return dirty(around.workTree, path);
  const { info } = head.facts;
  return { repo: around.workTree, ref: null, headSha: info.sha, treeSha: head.oid, path, dirty: false, commit: info };
}

function dirty(repo: string, path: string): SourceIdentity {
  return { repo, ref: null, headSha: null, treeSha: null, path, dirty: true, commit: null };
}

interface Head {
  readonly facts: CommitFacts;
  /** The object at the path. */
  readonly oid: string;
  /** Blob by path. */
  readonly oids: ReadonlyMap<string, string>;
}

/** Undefined where HEAD has no such path, or cannot be read: without git, a folder is still a folder. */
async function readHead(objects: Objects, path: string): Promise<Head | undefined> {
  try {
    const sha = await commitOf(objects, "HEAD");
    if (sha === undefined) return undefined;
    const facts = await readCommitFacts(objects, sha);
    const entry = await findEntry(objects, facts.treeSha, path);
    if (entry?.kind === "file") return { facts, oid: entry.oid, oids: new Map([[posix.basename(path), entry.oid]]) };
    if (entry?.kind !== "folder") return undefined;
    const { manifests } = selectManifests(await listTree(objects, entry.oid), (name) => name);
    return { facts, oid: entry.oid, oids: new Map(manifests.map((manifest) => [manifest.path, manifest.oid])) };
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

function sameFiles(oids: ReadonlyMap<string, string>, files: readonly File[]): boolean {
  return oids.size === files.length && files.every(({ path, bytes }) => isBlob(oids.get(path), bytes));
}

/** The id of a blob is the hash of its header and bytes; its length tells which hash the repository uses. */
function isBlob(oid: string | undefined, bytes: Uint8Array): boolean {
  if (oid === undefined) return false;
  const hash = createHash(oid.length === 64 ? "sha256" : "sha1");
  return hash.update(`blob ${bytes.length}\0`).update(bytes).digest("hex") === oid;
}
