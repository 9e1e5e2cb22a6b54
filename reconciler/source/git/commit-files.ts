// The manifests of one commit that is at hand: the listing at a path, the selection, and the contents.
import { posix } from "node:path";
import { createPacer, runPaced } from "../../load/pacer.ts";
import { boundProblems, ensureBounded } from "../files/contents.ts";
import { isManifestName, selectInSteps } from "../files/manifest-paths.ts";
import { isPlainText, showPlainly } from "../files/plain-text.ts";
import type { FilesAnswer } from "../source.ts";
import { Unavailable } from "../unavailable.ts";
import { readCommitFacts } from "./commit-info.ts";
import { recallRead } from "./kept-reads.ts";
import { type CommitRead, readChange } from "./read-change.ts";
import { readManifests } from "./read-manifests.ts";
import type { RememberedRead } from "./read-memory.ts";
import { findEntry, type GitEntry, listTree, type Objects } from "./tree.ts";

export async function readCommitFiles(objects: Objects, wanted: CommitRead): Promise<FilesAnswer> {
  const { path, memory } = wanted;
  const last = memory.recall(objects.gitDir, path) ?? (await recallRead(objects, wanted));
  try {
    return await readAndKeep(objects, wanted, last);
  } catch (error) {
    memory.forget();
    // A text that became a manifest by its name was never fetched, and no difference between trees tells of it.
    if (last === undefined || !(error instanceof Unavailable && error.reason.code === "READ_FAILED")) throw error;
    return readAndKeep(objects, wanted, undefined);
  }
}

async function readAndKeep(
  objects: Objects,
  wanted: CommitRead,
  last: RememberedRead | undefined,
): Promise<FilesAnswer> {
  const { ref, sha, path, memory } = wanted;
  const read = await readRemembering(objects, wanted, last);
  memory.keep(read);
  const { oid, facts, files, listed, unread } = read;
  const identity = { repo: objects.repo, ref, headSha: sha, treeSha: oid, path, dirty: false, commit: facts.info };
  return { status: "ok", identity, files, problems: boundProblems([...listed, ...unread]) };
}

/** An unchanged tree costs one look-up, a changed one what differs, and what differs too much a whole listing. */
async function readRemembering(
  objects: Objects,
  wanted: CommitRead,
  last: RememberedRead | undefined,
): Promise<RememberedRead> {
  const { sha, path } = wanted;
  const facts = last?.facts.info.sha === sha ? last.facts : await readCommitFacts(objects, sha);
  if (last !== undefined && last.facts.treeSha === facts.treeSha) return { ...last, facts };
  const entry = await findEntry(objects, facts.treeSha, path);
  const found = { gitDir: objects.gitDir, path, facts, oid: entry?.oid ?? "", isFolder: entry?.kind === "folder" };
  if (last !== undefined && last.oid === found.oid && last.isFolder === found.isFolder) return { ...last, facts };
  if (last?.isFolder === true && found.isFolder) {
    const changed = await readChange(objects, { ...wanted, rootTree: facts.treeSha, oid: found.oid }, last);
    if (changed !== undefined) return { ...found, base: last.base, ...changed };
  }
  const { base, entries } = await listEntry(objects, entry, { path, sha });
  const pace = createPacer();
  const selection = await runPaced(
    selectInSteps(entries, (name) => posix.join(base, name)),
    pace,
  );
  const manifests = selection.manifests.map((manifest) => ({ path: joined(base, manifest.path), oid: manifest.oid }));
  ensureBounded(`\`${path}\` of ${objects.repo}`, manifests.length, 0);
  await pace();
  const { files, problems } = await readManifests(objects, manifests, { ...wanted, rootTree: facts.treeSha });
  return { ...found, base, files, listed: selection.problems, unread: problems };
}

/** What git lists is normal already. */
function joined(base: string, path: string): string {
  return base === "." ? path : `${base}/${path}`;
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
  /** The folder that the entries' paths begin at. */
  readonly base: string;
  readonly entries: readonly GitEntry[];
}

async function listEntry(
  objects: Objects,
  entry: Awaited<ReturnType<typeof findEntry>>,
  { path, sha }: { readonly path: string; readonly sha: string },
): Promise<PathListing> {
  const at = `\`${path}\` at commit ${sha.slice(0, 12)} of ${objects.repo}`;
  switch (entry?.kind) {
    case undefined:
      throw new Unavailable("PATH_NOT_FOUND", `there is no ${at}; check --path, which begins at the repository's root`);
    case "folder":
      return { base: path, entries: await listTree(objects, entry.oid) };
    case "file": {
      const name = posix.basename(path);
      if (!isManifestName(name)) throw new Unavailable("PATH_NOT_FOUND", `${at} is no .yaml, .yml or .json file`);
      return { base: posix.dirname(path), entries: [{ path: name, kind: "file", oid: entry.oid }] };
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
