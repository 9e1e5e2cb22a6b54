// The folder of a mirror: made whole or not at all, set aside when damaged, cleared of what a killed git left.
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findGitFolder } from "../git/git-dir.ts";
import { runGit } from "../git/process.ts";
import type { RemoteRepository } from "../git/remote-refs.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Unavailable } from "../unavailable.ts";
import { withFolderLock } from "./folder-lock.ts";

export interface Mirror extends RemoteRepository {
  /** May not exist yet. */
  readonly gitDir: string;
}

export async function mirrorExists({ gitDir }: Mirror): Promise<boolean> {
  return (await findGitFolder(gitDir)) !== undefined;
}

/** Holds off every other process that changes this mirror. Readers need no lock. */
export async function withMirrorLock<T>({ gitDir, signal }: Mirror, work: () => Promise<T>): Promise<T> {
  // A fetch that is tried twice: nobody holds the lock for longer.
  const waitMs = SOURCE_LIMITS.fetchMs * 2;
  try {
    await mkdir(dirname(gitDir), { recursive: true, mode: 0o700 });
    return await withFolderLock(`${gitDir}.lock`, waitMs, signal, work);
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw new Unavailable("READ_FAILED", `the mirror in ${dirname(gitDir)} cannot be written: ${error.message}`, error);
  }
}

/** Under the lock. Made beside its place and renamed into it. */
export async function ensureMirror(mirror: Mirror): Promise<void> {
  if (await mirrorExists(mirror)) return;
  await removeMirror(mirror);
  const draft = `${mirror.gitDir}.${randomUUID()}`;
  await configure(mirror, draft, ["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]);
  await configure(mirror, draft, ["config", "--end-of-options", "remote.origin.url", mirror.remote.url]);
  await rename(draft, mirror.gitDir);
}

async function configure({ git, signal }: Mirror, gitDir: string, args: readonly string[]): Promise<void> {
  const limits = { timeoutMs: SOURCE_LIMITS.localMs, maxBytes: SOURCE_LIMITS.listingBytes };
  const exit = await runGit({ git, gitDir, signal, args, ...limits });
  if (exit.code !== 0)
    throw new Unavailable("READ_FAILED", `no mirror can be made at ${gitDir}: ${exit.stderr.trim()}`);
}

/** Under the lock. Renamed first, so that nobody meets half of it. */
export async function removeMirror({ gitDir }: Mirror): Promise<void> {
  const aside = `${gitDir}.${randomUUID()}`;
  try {
    await rename(gitDir, aside);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** Under the lock: a git that was killed leaves its own lock files, and nobody else can be using them. */
export async function removeLockFiles({ gitDir }: Mirror): Promise<void> {
  const below = await readdir(join(gitDir, "refs"), { withFileTypes: true, recursive: true });
  const paths = [
    ...["config.lock", "packed-refs.lock", "shallow.lock", "HEAD.lock", "gc.pid.lock"].map((name) =>
      join(gitDir, name),
    ),
    ...below.filter(({ name }) => name.endsWith(".lock")).map((entry) => join(entry.parentPath, entry.name)),
  ];
  await Promise.all(paths.map((path) => rm(path, { force: true })));
}
