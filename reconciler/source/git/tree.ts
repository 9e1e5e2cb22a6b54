// Lists and reads the objects of one tree: `ls-tree` and `cat-file --batch`.
import type { TreeEntry } from "../files/manifest-paths.ts";
import type { GitSetup } from "../git-setup.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Damaged } from "../unavailable.ts";
import { unavailableFromGit } from "./failure.ts";
import { type GitExit, runGit } from "./process.ts";

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

/** Everything below a tree, however deep. */
export async function listTree(objects: Objects, treeSha: string): Promise<readonly GitEntry[]> {
  return parseListing(await list(objects, ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", treeSha]));
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

/** `<mode> <type> <oid>\t<path>\0`, the path in whatever bytes it has. */
function parseListing(listing: Buffer): (GitEntry & { readonly type: string })[] {
  return listing
    .toString("utf8")
    .split("\0")
    .flatMap((line) => {
      const tab = line.indexOf("\t");
      const [mode, type, oid] = line.slice(0, tab).split(" ");
      if (tab === -1 || mode === undefined || type === undefined || oid === undefined) return [];
      return [{ path: line.slice(tab + 1), kind: kindOf(mode), type, oid }];
    });
}

function kindOf(mode: string): TreeEntry["kind"] {
  if (mode === "120000") return "symlink";
  if (mode === "160000") return "submodule";
  return mode.startsWith("100") ? "file" : "special";
}

/** Sizes by object id, without reading the contents. */
export async function readSizes(objects: Objects, oids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const args = ["cat-file", "--batch-check", "--buffer"];
  const lines = (await feed(objects, args, oids, SOURCE_LIMITS.listingBytes)).toString("utf8").split("\n");
  const sizes = new Map<string, number>();
  for (const line of lines.filter((text) => text !== "")) {
    const header = parseHeader(objects, line);
    sizes.set(header.oid, header.size);
  }
  return sizes;
}

/** More than a header line ever has. */
const HEADER_BYTES = 128;

/** Contents by object id. The values share one buffer. */
export async function readBlobs(objects: Objects, oids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const blobs = new Map<string, Uint8Array>();
  const maxBytes = SOURCE_LIMITS.contentBytes + oids.length * HEADER_BYTES;
  const answer = await feed(objects, ["cat-file", "--batch", "--buffer"], oids, maxBytes);
  for (let at = 0; at < answer.length; ) {
    const lineEnd = answer.indexOf(10, at);
    const { oid, size } = parseHeader(objects, answer.toString("utf8", at, lineEnd));
    blobs.set(oid, answer.subarray(lineEnd + 1, lineEnd + 1 + size));
    at = lineEnd + 1 + size + 1;
  }
  return blobs;
}

async function feed(
  objects: Objects,
  args: readonly string[],
  oids: readonly string[],
  maxBytes: number,
): Promise<Buffer> {
  if (oids.length === 0) return Buffer.alloc(0);
  const input = `${[...new Set(oids)].join("\n")}\n`;
  return outputOf(objects, await runGit({ ...objects, args, input, timeoutMs: SOURCE_LIMITS.localMs, maxBytes }));
}

/** `<oid> <type> <size>`, or `<oid> missing`. */
function parseHeader({ repo }: Objects, line: string): { oid: string; size: number } {
  const [oid, type, size] = line.split(" ");
  if (oid !== undefined && type === "blob" && size !== undefined) return { oid, size: Number(size) };
  const why = "a partial or damaged clone? Name its origin's URL instead, or fetch again";
  throw new Damaged(`${repo} lacks an object that its commit needs (${line.slice(0, 80)}): ${why}`);
}
