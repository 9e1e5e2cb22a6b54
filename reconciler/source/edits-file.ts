// Whether a branch edits one file: compared with where it left the other branch, so that what moved there since is none of its
// edits. Only names of objects are compared; no contents are fetched.
import { askGit, type LocalRepository } from "./git/local.ts";
import { differsAt } from "./git/tree.ts";
import { locateRepository, type RepositoryOptions } from "./locate-repository.ts";
import { failWhereUnavailable, Unavailable } from "./unavailable.ts";

export interface EditsFileOptions extends RepositoryOptions {
  /** Commits that were read before. */
  readonly base: string;
  readonly head: string;
  readonly path: string;
}

/** Throws PermanentFailure READ_FAILED where one of the commits is not there. */
export function editsFile(options: EditsFileOptions): Promise<boolean> {
  const { git, signal, base, head, path } = options;
  return failWhereUnavailable(async () => {
    const { gitDir } = await locateRepository(options);
    const repository = { git, gitDir, signal };
    const from = await forkOf(repository, base, head);
    return differsAt({ ...repository, repo: gitDir }, from, head, path);
  });
}

/** Without a common commit, or with a history that was cut off, it is the other branch as it is. */
async function forkOf(repository: LocalRepository, base: string, head: string): Promise<string> {
  try {
    return (await askGit(repository, ["merge-base", "--end-of-options", base, head])) ?? base;
  } catch (error) {
    if (error instanceof Unavailable) return base;
    throw error;
  }
}
