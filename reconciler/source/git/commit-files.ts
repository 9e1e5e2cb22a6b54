// The manifests of one commit that is at hand: the listing at a path, the selection, and the contents.
import { posix } from "node:path";
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import type { Problem } from "../../../contracts/problem.ts";
import type { SourceFile } from "../../load/desired-set.ts";
import { boundProblems, ensureBounded, setAsidePointers, tooLargeFile } from "../files/contents.ts";
import { isManifestName, selectManifests } from "../files/manifest-paths.ts";
import { isPlainText, showPlainly } from "../files/plain-text.ts";
import type { FilesAnswer } from "../source.ts";
import { Damaged, Unavailable } from "../unavailable.ts";
import { readCommitFacts } from "./commit-info.ts";
import type { ResolvedRef } from "./local-ref.ts";
import { findEntry, type GitEntry, listTree, type Objects, readBlobs, readSizes } from "./tree.ts";

/** Makes sure that the wanted contents of a tree are at hand; a mirror fetches those that it lacks. */
export type FetchContents = (treeSha: string, wanted: ReadonlySet<string>) => Promise<void>;

export async function readCommitFiles(
  objects: Objects,
  { ref, sha }: ResolvedRef,
  path: string,
  fetchContents: FetchContents,
): Promise<FilesAnswer> {
  const { info, treeSha: rootTree } = await readCommitFacts(objects, sha);
  const { oid, base, entries } = await listPath(objects, rootTree, path, sha);
  const selection = selectManifests(entries, (name) => posix.join(base, name));
  const manifests = selection.manifests.map((entry) => ({ path: posix.join(base, entry.path), oid: entry.oid }));
  ensureBounded(`\`${path}\` of ${objects.repo}`, manifests.length, 0);
  await fetchContents(rootTree, new Set(manifests.map((entry) => entry.oid)));
  const { files, problems } = await readManifests(objects, manifests);
  return {
    status: "ok",
    identity: { repo: objects.repo, ref, headSha: sha, treeSha: oid, path, dirty: false, commit: info },
    files,
    problems: boundProblems([...selection.problems, ...problems]),
  };
}

/** `.`, `agents`, `agents/billing`: a path within a repository as git writes it. Throws {@link Unavailable} for others. */
export function normalizePath(path: string): string {
  const normal = posix.normalize(path === "" ? "." : path).replace(/(?<=.)\/$/, "");
  if (isPlainText(path) && !/^(?:\/|\.\.(?:\/|$))/.test(normal)) return normal;
  const shown = showPlainly(path);
  throw new Unavailable(
    "PATH_NOT_FOUND",
    `\`${shown}\` is no path within a repository; use one such as \`agents\`, or \`.\``,
  );
}

interface PathListing {
  readonly oid: string;
  /** The folder that the entries' paths begin at. */
  readonly base: string;
  readonly entries: readonly GitEntry[];
}

async function listPath(objects: Objects, rootTree: string, path: string, sha: string): Promise<PathListing> {
  const entry = await findEntry(objects, rootTree, path);
  const at = `\`${path}\` at commit ${sha.slice(0, 12)} of ${objects.repo}`;
  switch (entry?.kind) {
    case undefined:
      throw new Unavailable("PATH_NOT_FOUND", `there is no ${at}; check --path, which begins at the repository's root`);
    case "folder":
      return { oid: entry.oid, base: path, entries: await listTree(objects, entry.oid) };
    case "file": {
      const name = posix.basename(path);
      if (!isManifestName(name)) throw new Unavailable("PATH_NOT_FOUND", `${at} is no .yaml, .yml or .json file`);
      return { oid: entry.oid, base: posix.dirname(path), entries: [{ path: name, kind: "file", oid: entry.oid }] };
    }
    case "symlink":
    case "submodule":
    case "special":
      throw new Unavailable(
        "PATH_NOT_FOUND",
        `${at} is a ${entry.kind}, which is not followed; name the folder itself`,
      );
  }
}

type Manifest = Pick<GitEntry, "path" | "oid">;

async function readManifests(
  objects: Objects,
  manifests: readonly Manifest[],
): Promise<{ files: readonly SourceFile[]; problems: readonly Problem[] }> {
  const sizes = await readSizes(
    objects,
    manifests.map(({ oid }) => oid),
  );
  const sizeOf = ({ oid }: Manifest): number => sizes.get(oid) ?? 0;
  const small = manifests.filter((entry) => sizeOf(entry) <= MANIFEST_LIMITS.fileBytes);
  const large = manifests.filter((entry) => sizeOf(entry) > MANIFEST_LIMITS.fileBytes);
  ensureBounded(
    objects.repo,
    small.length,
    small.reduce((sum, entry) => sum + sizeOf(entry), 0),
  );
  const { files, problems } = setAsidePointers(await readContents(objects, small));
  return { files, problems: [...problems, ...large.map((entry) => tooLargeFile(entry.path))] };
}

async function readContents(objects: Objects, manifests: readonly Manifest[]): Promise<SourceFile[]> {
  const blobs = await readBlobs(
    objects,
    manifests.map(({ oid }) => oid),
  );
  return manifests.map(({ path, oid }) => {
    const bytes = blobs.get(oid);
    if (bytes === undefined) throw new Damaged(`${objects.repo} lacks the contents of \`${path}\``);
    return { path, blob: oid, bytes };
  });
}
