// Lists and reads a folder on disk without following a link: what a commit of that folder would hold, as far as we look.
import { constants, type Dirent } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
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

/** The bytes of one file, at most `maxBytes` and one more, so that the caller sees what is too large. */
export function readBounded(file: string, shown: string, maxBytes: number): Promise<Uint8Array> {
  // NONBLOCK: a pipe that took the file's place would be waited for otherwise.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return guarded(shown, "READ_FAILED", async () => {
    const handle = await open(file, flags);
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.min(size, maxBytes) + 1);
      let filled = 0;
      for (let read = -1; read !== 0 && filled < buffer.length; filled += read) {
        ({ bytesRead: read } = await handle.read(buffer, filled, buffer.length - filled));
      }
      return buffer.subarray(0, filled);
    } finally {
      await handle.close();
    }
  });
}

/** Runs `work` over the items, a few at once, and keeps their order. */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const drain = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(SOURCE_LIMITS.openFiles, items.length) }, drain));
  return results;
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

/** What vanishes or changes under our hands makes the whole set unreadable: it must not look deleted. */
async function guarded<T>(
  shown: string,
  missing: "PATH_NOT_FOUND" | "READ_FAILED",
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    switch (error.code) {
      case "ENOENT":
      case "ENOTDIR":
      case "ELOOP":
        throw missing === "PATH_NOT_FOUND"
          ? new Unavailable(missing, `there is no \`${shown}\``, error)
          : new Unavailable(missing, `\`${shown}\` changed while it was read; look again`, error);
      case "EACCES":
      case "EPERM":
        throw new Unavailable("READ_FAILED", `\`${shown}\` may not be read by this user; mend its permissions`, error);
      default:
        throw new Unavailable("READ_FAILED", `\`${shown}\` cannot be read (${String(error.code)})`, error);
    }
  }
}
