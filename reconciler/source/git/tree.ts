// Lists and reads the objects of one tree: `ls-tree` and `cat-file --batch`.
import { createPacer, runAtOnce, runPaced } from "../../load/pacer.ts";
import type { TreeEntry } from "../files/manifest-paths.ts";
import type { GitSetup } from "../git-setup.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Damaged } from "../unavailable.ts";
import { BlobStream, parseHeader, type TakeBlob } from "./blob-stream.ts";
import { unavailableFromGit } from "./failure.ts";
import { type GitCall, type GitExit, runGit } from "./process.ts";

export interface Objects {
  readonly git: GitSetup;
  readonly gitDir: string;
  /** The repository in the user's words, for messages. */
  readonly repo: string;
  readonly signal: AbortSignal;
}

export interface GitEntry extends TreeEntry {
  readonly oid: string;
}

/** The entry at a path of a commit; undefined where there is none. `.` is the commit's own tree, `treeSha`. */
export async function findEntry(
  objects: Objects,
  treeSha: string,
  path: string,
): Promise<{ readonly oid: string; readonly kind: TreeEntry["kind"] | "folder" } | undefined> {
  if (path === ".") return { oid: treeSha, kind: "folder" };
  const listing = await list(objects, ["ls-tree", "-z", "--full-tree", "--end-of-options", treeSha, path]);
  const entry = parseListing(listing).find((candidate) => candidate.path === path);
  return entry === undefined ? undefined : { oid: entry.oid, kind: entry.type === "tree" ? "folder" : entry.kind };
}

/** Everything below a tree, however deep, but for the folders themselves. */
export async function listTree(objects: Objects, treeSha: string): Promise<readonly GitEntry[]> {
  const listing = await list(objects, ["ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", treeSha]);
  const entries = await runPaced(parseInSteps(listing), createPacer());
  ensureListed(objects, treeSha, entries);
  return entries.filter(({ type }) => type !== "tree");
}

/** As SHA-1 and as SHA-256. */
const EMPTY_TREES: readonly string[] = [
  "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
  "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
];

/** A folder of which nothing is listed, although its id is not that of an empty one, was not read: it is not empty. */
function ensureListed({ repo }: Objects, treeSha: string, entries: readonly ListedEntry[]): void {
  const folders = [{ oid: treeSha, first: entries[0], prefix: "" }];
  for (const [index, { type, oid, path }] of entries.entries()) {
    if (type === "tree") folders.push({ oid, first: entries[index + 1], prefix: `${path}/` });
  }
  const unread = folders.find(
    ({ oid, first, prefix }) => !first?.path.startsWith(prefix) && !EMPTY_TREES.includes(oid),
  );
  if (unread !== undefined) throw new Damaged(`${repo}: the folder \`${unread.prefix || "/"}\` cannot be listed`);
}

async function list(objects: Objects, args: readonly string[]): Promise<Buffer> {
  const exit = await runGit({
    ...objects,
    args,
    timeoutMs: SOURCE_LIMITS.localMs,
    maxBytes: SOURCE_LIMITS.listingBytes,
  });
  return outputOf(objects, exit);
}

function outputOf({ repo }: Objects, exit: GitExit): Buffer {
  if (exit.code !== 0) throw unavailableFromGit(repo, exit.stderr);
  return exit.stdout;
}

interface ListedEntry extends GitEntry {
  readonly type: string;
}

function parseListing(listing: Buffer): ListedEntry[] {
  return runAtOnce(parseInSteps(listing));
}

const LINES_PER_STEP = 2_000;

/** `<mode> <type> <oid>\t<path>\0`, the path in whatever bytes it has. */
function* parseInSteps(listing: Buffer): Generator<void, ListedEntry[]> {
  const entries: ListedEntry[] = [];
  const text = listing.toString("utf8");
  for (let at = 0, end = text.indexOf("\0"); end !== -1; at = end + 1, end = text.indexOf("\0", at)) {
    const afterMode = text.indexOf(" ", at);
    const afterType = text.indexOf(" ", afterMode + 1);
    const tab = text.indexOf("\t", afterType);
    if (afterMode === -1 || afterType === -1 || tab === -1 || tab > end) continue;
    const kind = kindOf(text.slice(at, afterMode));
    const type = text.slice(afterMode + 1, afterType);
    entries.push({ path: text.slice(tab + 1, end), kind, type, oid: text.slice(afterType + 1, tab) });
    if (entries.length % LINES_PER_STEP === 0) yield;
  }
  return entries;
}

export interface TreeChange {
  readonly path: string;
  /** null: there is nothing any more. */
  readonly entry: GitEntry | null;
}

/** Whether something else stands at that path in `after`; commits or trees. */
export async function differsAt(objects: Objects, before: string, after: string, path: string): Promise<boolean> {
  const args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options", before, after, "--", path];
  return (await list(objects, args)).length > 0;
}

/** What differs between two trees, without the folders themselves. */
export async function diffTrees(objects: Objects, before: string, after: string): Promise<readonly TreeChange[]> {
  const args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--end-of-options", before, after];
  const fields = (await list(objects, args)).toString("utf8").split("\0");
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode, , oid] = (fields[at] ?? "").split(" ");
    const path = fields[at + 1];
    if (mode === undefined || oid === undefined || path === undefined) break;
    changes.push({ path, entry: mode === "000000" ? null : { path, kind: kindOf(mode), oid } });
  }
  // Two trees with different ids differ: an answer without a difference, or with half of one, is not git's whole answer.
  if (changes.length > 0 && changes.length * 2 + 1 === fields.length) return changes;
  throw new Damaged(`${objects.repo}: what differs between two of its trees cannot be read`);
}

function kindOf(mode: string): TreeEntry["kind"] {
  if (mode === "120000") return "symlink";
  if (mode === "160000") return "submodule";
  return mode.startsWith("100") ? "file" : "special";
}

/** Sizes by object id, without reading the contents. */
export async function readSizes(objects: Objects, oids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const args = ["cat-file", "--batch-check", "--buffer"];
  const maxBytes = SOURCE_LIMITS.listingBytes;
  const lines = (await feed(objects, args, oids, { maxBytes })).toString("utf8").split("\n");
  const sizes = new Map<string, number>();
  for (const line of lines.filter((text) => text !== "")) {
    const header = parseHeader(objects.repo, line);
    sizes.set(header.oid, header.size);
  }
  return sizes;
}

/** More than a header line ever has. */
const HEADER_BYTES = 128;

/**
 * Contents by object id. `ahead` is told of each as soon as it is there. Throws Unavailable TOO_LARGE where they are more
 * than allowed.
 */
export async function readBlobs(
  objects: Objects,
  oids: readonly string[],
  {
    contentBytes = SOURCE_LIMITS.contentBytes,
    ahead,
  }: { readonly contentBytes?: number; readonly ahead?: TakeBlob } = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  const blobs = new Map<string, Uint8Array>();
  const stream = new BlobStream(objects.repo, (oid, bytes) => {
    blobs.set(oid, bytes);
    ahead?.(oid, bytes);
  });
  const maxBytes = contentBytes + oids.length * HEADER_BYTES;
  await feed(objects, ["cat-file", "--batch", "--buffer"], oids, { maxBytes, onOutput: (part) => stream.push(part) });
  stream.end();
  return blobs;
}

async function feed(
  objects: Objects,
  args: readonly string[],
  oids: readonly string[],
  output: Pick<GitCall, "maxBytes" | "onOutput">,
): Promise<Buffer> {
  if (oids.length === 0) return Buffer.alloc(0);
  const input = `${[...new Set(oids)].join("\n")}\n`;
  return outputOf(objects, await runGit({ ...objects, args, input, timeoutMs: SOURCE_LIMITS.localMs, ...output }));
}
