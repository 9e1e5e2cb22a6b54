// Keeps a bare mirror of a remote repository: all commits and trees of the refs that were asked for, and of the file
// contents only those that were read. It can be thrown away at any time; after a crash it is mended or made anew.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { unavailableFromGit } from "../git/failure.ts";
import { commitOf, type ResolvedRef } from "../git/local-ref.ts";
import { type GitCall, type GitExit, runGit } from "../git/process.ts";
import type { ValidRef } from "../git/ref.ts";
import { findRemoteRef, remoteRefNotFound } from "../git/remote-refs.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Unavailable } from "../unavailable.ts";
import {
  ensureMirror,
  type Mirror,
  mirrorExists,
  removeLockFiles,
  removeMirror,
  withMirrorLock,
} from "./mirror-folder.ts";

/** Where the mirror of a URL stands. */
export function mirrorGitDir(mirrorFolder: string, url: string): string {
  return join(mirrorFolder, `${sha256(url).slice(0, 32)}.git`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Brings what a ref names into the mirror, unless it is there already, and answers its commit. */
export async function fetchRef(mirror: Mirror, request: ValidRef, asked: string): Promise<ResolvedRef> {
  const told = await findRemoteRef(mirror, request);
  if (told !== undefined) return fetchNamed(mirror, told);
  const id = request.kind === "names" ? request.abbreviated : undefined;
  const found = id === undefined ? undefined : await fetchAbbreviated(mirror, id);
  if (found === undefined) throw await remoteRefNotFound(mirror, asked);
  return found;
}

/**
 * Brings the contents that a partial mirror lacks, all at once: git itself would ask the server for one at a time. `since`:
 * a tree that was read before, whose contents are not looked at again.
 */
export async function fetchContents(
  mirror: Mirror,
  treeSha: string,
  wanted: ReadonlySet<string>,
  since?: string,
): Promise<void> {
  if (wanted.size === 0) return;
  const missing = (await missingObjects(mirror, treeSha, since)).filter((oid) => wanted.has(oid));
  if (missing.length === 0) return;
  await withMirrorLock(mirror, () =>
    fetch(mirror, ["--no-auto-maintenance", "--stdin", "--", "origin"], `${missing.join("\n")}\n`),
  );
}

/** Removes the mirror, so that the next fetch makes it anew. */
export function discardMirror(mirror: Mirror): Promise<void> {
  return withMirrorLock(mirror, () => removeMirror(mirror));
}

async function fetchNamed(mirror: Mirror, { ref, sha }: ResolvedRef): Promise<ResolvedRef> {
  // A hash of its name, since branch `a` may give way to branch `a/b`.
  const kept = `refs/countwheel/${sha256(ref)}`;
  // git writes a ref after everything that it needs: one that stands where the server's stands is complete.
  if ((await mirrorExists(mirror)) && (await commitOf(mirror, kept)) === sha) return { ref, sha };
  return withMirrorLock(mirror, async () => {
    await ensureMirror(mirror);
    await fetch(mirror, ["--", "origin", `+${ref}:${kept}`]);
    const fetched = await commitOf(mirror, kept);
    if (fetched === undefined) throw new Unavailable("REF_NOT_FOUND", `${ref} of ${mirror.remote.url} is no commit`);
    return { ref, sha: fetched };
  });
}

/** Servers know whole ids only: all branches and tags are fetched, and the id is looked up among them. */
function fetchAbbreviated(mirror: Mirror, id: string): Promise<ResolvedRef | undefined> {
  return withMirrorLock(mirror, async () => {
    await ensureMirror(mirror);
    const all = ["+refs/heads/*:refs/countwheel/all/heads/*", "+refs/tags/*:refs/countwheel/all/tags/*"];
    await fetch(mirror, ["--prune", "--", "origin", ...all]);
    const sha = await commitOf(mirror, id);
    return sha === undefined ? undefined : { ref: sha, sha };
  });
}

/** A server that cannot filter sends everything, and git says so on stderr only: both kinds of mirror read the same. */
const FETCH = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none"];
const LEFT_LOCKED = /\.lock': File exists/;

async function fetch(mirror: Mirror, args: readonly string[], input?: string): Promise<void> {
  const call = { remote: mirror.remote, args: [...FETCH, ...args], timeoutMs: SOURCE_LIMITS.fetchMs };
  const attempt = (): Promise<GitExit> => runInMirror(mirror, input === undefined ? call : { ...call, input });
  let exit = await attempt();
  if (exit.code !== 0 && LEFT_LOCKED.test(exit.stderr)) {
    await removeLockFiles(mirror);
    exit = await attempt();
  }
  if (exit.code !== 0) throw unavailableFromGit(mirror.remote.url, exit.stderr);
}

async function missingObjects(mirror: Mirror, treeSha: string, since: string | undefined): Promise<readonly string[]> {
  const trees = since === undefined ? [treeSha] : [treeSha, `^${since}`];
  const args = ["rev-list", "--objects", "--no-object-names", "--missing=print", "--end-of-options", ...trees];
  const exit = await runInMirror(mirror, { args, timeoutMs: SOURCE_LIMITS.localMs });
  if (exit.code !== 0) throw unavailableFromGit(mirror.remote.url, exit.stderr);
  const lines = exit.stdout.toString("utf8").split("\n");
  return lines.flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : []));
}

function runInMirror(
  { git, gitDir, signal }: Mirror,
  call: Pick<GitCall, "args" | "timeoutMs" | "input" | "remote">,
): Promise<GitExit> {
  return runGit({ git, gitDir, signal, maxBytes: SOURCE_LIMITS.listingBytes, ...call });
}
