// Lists and reads a folder on disk without following a link: what a commit of that folder would hold, as far as we look.
import { closeSync, constants, type Dirent, openSync, readSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Unavailable } from "../unavailable.ts";
import { isManifestName, isSkippedName, type TreeEntry } from "./manifest-paths.ts";

export interface FolderListing {
  /** The folder that paths begin at: the one that was named, or the one of the named file. */
  readonly base: string;
  /** Sorted by path. */
  readonly entries: readonly TreeEntry[];
}

/** A folder's files, or one file. A link at `path` itself is followed, since somebody named it; links below are not. */
export async function listFolder(path: string, shown: string, signal: AbortSignal): Promise<FolderListing> {
  const found = await guarded(shown, "PATH_NOT_FOUND", () => stat(path));
  if (found.isDirectory()) return { base: path, entries: await walk(path, shown, signal) };
  if (found.isFile() && isManifestName(basename(path))) {
    return { base: dirname(path), entries: [{ path: basename(path), kind: "file" }] };
  }
  throw new Unavailable("PATH_NOT_FOUND", `\`${shown}\` is no folder and no .yaml, .yml or .json file`);
}

/**
 * The bytes of the files below `base`, in order; of each at most `maxBytes` and one more, so that the caller sees what is
 * too large. Read synchronously, a slice at a time: 10,000 files take 0.1 s, through promises 0.7 s.
 */
export async function* readFiles(
  base: string,
  paths: readonly string[],
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<{ readonly path: string; readonly bytes: Uint8Array }> {
  let slice = 0;
  for (const path of paths) {
    const bytes = guardedSync(path, () => readBounded(join(base, path), maxBytes));
    slice += SOURCE_LIMITS.sliceBytes / SOURCE_LIMITS.sliceFiles + bytes.length;
    yield { path, bytes };
    if (slice < SOURCE_LIMITS.sliceBytes) continue;
    slice = 0;
    await nextTurn();
    signal.throwIfAborted();
  }
}

/** NONBLOCK: a pipe that took the file's place would be waited for otherwise. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FIRST_READ_BYTES = 16 * 1024;

function readBounded(file: string, maxBytes: number): Uint8Array {
  const descriptor = openSync(file, READ_FLAGS);
  try {
    let buffer = Buffer.allocUnsafe(FIRST_READ_BYTES);
    for (let filled = 0; ; ) {
      const read = readSync(descriptor, buffer, filled, buffer.length - filled, null);
      filled += read;
      if (read === 0 || filled > maxBytes) return Uint8Array.from(buffer.subarray(0, filled));
      if (filled === buffer.length) buffer = Buffer.concat([buffer], Math.min(buffer.length * 8, maxBytes + 1));
    }
  } finally {
    closeSync(descriptor);
  }
}

async function walk(root: string, shown: string, signal: AbortSignal): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    signal.throwIfAborted();
    const at = folder;
    const found = await guarded(posix.join(shown, at), "READ_FAILED", () =>
      readdir(join(root, at), { withFileTypes: true }),
    );
    for (const entry of found.filter(({ name }) => !isSkippedName(name))) {
      const path = posix.join(at, entry.name);
      if (!entry.isDirectory()) entries.push({ path, kind: kindOf(entry) });
      else pending.push(ensureShallow(path, shown));
    }
  }
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function kindOf(entry: Dirent): TreeEntry["kind"] {
  if (entry.isFile()) return "file";
  return entry.isSymbolicLink() ? "symlink" : "special";
}

function ensureShallow(path: string, shown: string): string {
  if (path.split("/").length <= MANIFEST_LIMITS.folderDepth) return path;
  const where = `${posix.join(shown, path).slice(0, 120)}…`;
  throw new Unavailable("TOO_LARGE", `folders lie more than ${MANIFEST_LIMITS.folderDepth} deep at \`${where}\``);
}

type Missing = "PATH_NOT_FOUND" | "READ_FAILED";

async function guarded<T>(shown: string, missing: Missing, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw translated(shown, missing, error);
  }
}

function guardedSync<T>(shown: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw translated(shown, "READ_FAILED", error);
  }
}

/** What vanishes or changes under our hands makes the whole set unreadable: it must not look deleted. */
function translated(shown: string, missing: Missing, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  switch (error.code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return missing === "PATH_NOT_FOUND"
        ? new Unavailable(missing, `there is no \`${shown}\``, error)
        : new Unavailable(missing, `\`${shown}\` changed while it was read; look again`, error);
    case "EACCES":
    case "EPERM":
      return new Unavailable("READ_FAILED", `\`${shown}\` may not be read by this user; mend its permissions`, error);
    default:
      return new Unavailable("READ_FAILED", `\`${shown}\` cannot be read (${String(error.code)})`, error);
  }
}
