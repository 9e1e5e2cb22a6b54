// Reads the manifests of a folder on disk, for `validate`, `plan` and `up`.
import { posix, resolve, sep } from "node:path";
import { digestText } from "../../contracts/canonical.ts";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { SourceFile } from "../load/desired-set.ts";
import { boundProblems, ensureBounded, setAsidePointers, tooLargeFile } from "./files/contents.ts";
import { type FolderListing, listFolder, readFiles } from "./files/folder-files.ts";
import { selectManifests, type TreeEntry } from "./files/manifest-paths.ts";
import type { GitSetup } from "./git-setup.ts";
import type { FilesAnswer } from "./source.ts";
import { answerUnavailable } from "./unavailable.ts";
import { identifyWorkingTree } from "./working-tree-identity.ts";

export interface ReadWorkingTreeOptions {
  readonly git: GitSetup;
  /** A folder or a single file; absolute, unless the process stands where the user stands. */
  readonly folder: string;
  /** How the user wrote it: paths of files and problems begin with it. Default: `folder`. */
  readonly shownAs?: string;
  readonly signal: AbortSignal;
}

/**
 * The manifests in a folder as they lie there. Paths of files and problems are those that the user would open: with
 * `validate agents` they begin with `agents/`, with `.` they begin with nothing. Hidden folders and `node_modules` are
 * passed over. Rejects only with the signal's reason, or for a bug.
 */
export function readWorkingTree(options: ReadWorkingTreeOptions): Promise<FilesAnswer> {
  return answerUnavailable(options.signal, async () => {
    const shown = posix.normalize((options.shownAs ?? options.folder).replaceAll(sep, "/"));
    const listing = await listFolder(resolve(options.folder), shown, options.signal);
    const prefix = listing.base === resolve(options.folder) ? shown : posix.dirname(shown);
    const { manifests, problems } = selectManifests(listing.entries, (path) => posix.join(prefix, path));
    ensureBounded(`\`${shown}\``, manifests.length, 0);
    const read = await readAll(listing, manifests, { shown, signal: options.signal });
    const files = read.filter(({ bytes }) => !isTooLarge(bytes)).map((file) => asSource(file, prefix));
    const aside = setAsidePointers(files);
    const large = read
      .filter(({ bytes }) => isTooLarge(bytes))
      .map(({ path }) => tooLargeFile(posix.join(prefix, path)));
    return {
      status: "ok",
      identity: await identifyWorkingTree(options, listing.base, read),
      files: aside.files,
      problems: boundProblems([...problems, ...aside.problems, ...large, ...emptyFiles(files)]),
    };
  });
}

/** A file as it lies below the folder that is read. */
interface FileOnDisk {
  readonly path: string;
  readonly bytes: Uint8Array;
}

async function readAll(
  { base }: FolderListing,
  manifests: readonly TreeEntry[],
  { shown, signal }: { readonly shown: string; readonly signal: AbortSignal },
): Promise<FileOnDisk[]> {
  const read: FileOnDisk[] = [];
  let together = 0;
  const paths = manifests.map(({ path }) => path);
  for await (const file of readFiles(base, paths, MANIFEST_LIMITS.fileBytes, signal)) {
    together += file.bytes.length;
    ensureBounded(`\`${shown}\``, manifests.length, together);
    read.push(file);
  }
  return read;
}

function isTooLarge(bytes: Uint8Array): boolean {
  return bytes.length > MANIFEST_LIMITS.fileBytes;
}

function asSource({ path, bytes }: FileOnDisk, prefix: string): SourceFile {
  return { path: posix.join(prefix, path), blob: digestText(bytes), bytes };
}

/** An editor may be about to write it. A warning, by which nothing that stood in it is pruned; commits have no such moment. */
function emptyFiles(files: readonly SourceFile[]): Problem[] {
  const detail = "Delete it, if what it held is meant to go.";
  return files
    .filter(({ bytes }) => bytes.length === 0)
    .map(({ path }) => {
      const summary = `\`${path}\` is empty`;
      return { severity: "warning", code: "UNSUPPORTED_FILE", summary, detail, file: path, line: 1, column: 1 };
    });
}
