// Reads the directories of an environment's overlays, at the very commit (or in the very folder) that its manifests are
// of, and takes their files out of the manifests where they lie among them.
import { join, posix } from "node:path";
import type { Problem } from "../../contracts/problem.ts";
import type { SourceFile } from "../load/desired-set.ts";
import { normalizePath, readCommitFiles } from "../source/git/commit-files.ts";
import type { CommitRead } from "../source/git/read-change.ts";
import { ReadMemory } from "../source/git/read-memory.ts";
import { locateRepository, type RepositoryOptions } from "../source/locate-repository.ts";
import { fetchContents } from "../source/mirror/mirror.ts";
import type { FilesAnswer } from "../source/source.ts";
import { answerUnavailable } from "../source/unavailable.ts";
import { type ReadWorkingTreeOptions, readWorkingTree } from "../source/working-tree.ts";

/** Paths of the repository, in the order in which their patches are applied. */
export type OverlayPaths = readonly string[];

/** A directory that is not there makes the whole source unavailable: without its patches the set would be another one. */
export function withCommitOverlays(
  answer: FilesAnswer,
  options: RepositoryOptions,
  overlays: OverlayPaths,
): Promise<FilesAnswer> {
  return answerUnavailable(options.signal, async () => {
    if (answer.status === "unavailable" || overlays.length === 0) return answer;
    const { headSha, ref } = answer.identity;
    if (headSha === null || ref === null) return answer;
    const place = await locateRepository(options);
    const objects = { git: options.git, gitDir: place.gitDir, repo: place.repo, signal: options.signal };
    const fetch: CommitRead["fetchContents"] = async (treeSha, oids, since) => {
      if (place.kind === "remote") await fetchContents(place.mirror, treeSha, oids, since);
    };
    const commit = { ref, sha: headSha, contents: () => undefined, fetchContents: fetch, expect: () => undefined };
    return combine(answer, overlays, (path) => readCommitFiles(objects, { ...commit, path, memory: new ReadMemory() }));
  });
}

/** `root` is the folder that `overlays` begin at: the repository's own. */
export function withFolderOverlays(
  answer: FilesAnswer,
  { root, ...options }: Omit<ReadWorkingTreeOptions, "folder" | "shownAs"> & { readonly root: string },
  overlays: OverlayPaths,
): Promise<FilesAnswer> {
  return answerUnavailable(options.signal, async () => {
    if (answer.status === "unavailable" || overlays.length === 0) return answer;
    return combine(answer, overlays, (path) =>
      readWorkingTree({ ...options, folder: join(root, path), shownAs: path }),
    );
  });
}

type Read = Extract<FilesAnswer, { readonly status: "ok" }>;

async function combine(
  answer: Read,
  overlays: OverlayPaths,
  read: (path: string) => Promise<FilesAnswer>,
): Promise<FilesAnswer> {
  const paths = overlays.map(normalizePath);
  const files: SourceFile[] = [];
  const problems: Problem[] = [];
  let { identity } = answer;
  for (const path of paths) {
    const found = await read(path);
    if (found.status === "unavailable") return found;
    files.push(...found.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
    // A patch that was edited since the commit makes the whole another set than the commit's.
    if (found.identity.dirty) identity = { ...identity, dirty: true, headSha: null, treeSha: null, commit: null };
    problems.push(...found.problems.filter(({ file }) => !isBelow(file, [answer.identity.path])));
  }
  return {
    ...answer,
    identity,
    files: answer.files.filter((file) => !isBelow(file.path, paths)),
    problems: [...answer.problems, ...problems],
    overlays: files,
  };
}

function isBelow(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => folder === "." || file === folder || file.startsWith(posix.join(folder, "/")));
}
