// How the commit to be applied relates to the one that was applied last: a forced push must be seen, not followed.
import type { History } from "../../contracts/plan.ts";
import { askGit, type LocalRepository } from "./git/local.ts";
import { commitOf } from "./git/local-ref.ts";
import type { GitSetup } from "./git-setup.ts";
import { locateRepository, type RepositoryOptions } from "./locate-repository.ts";
import { failWhereUnavailable, Unavailable } from "./unavailable.ts";

export interface HistoryOptions {
  readonly git: GitSetup;
  /** The git folder of the mirror or of the local repository: {@link repositoryFolder}. */
  readonly mirror: string;
  /** The commit that was applied last. */
  readonly from: string | null;
  readonly to: string;
  readonly signal: AbortSignal;
}

/**
 * `forced`: both commits share a past, but `to` does not contain `from`; also where `from` is no longer in the
 * repository, since a branch that only moved forward would still contain it. `unrelated`: no common commit.
 * Throws PermanentFailure READ_FAILED where `to` is not there, or a shallow clone cannot tell.
 */
export function historyBetween({ git, mirror, from, to, signal }: HistoryOptions): Promise<History> {
  if (from === null) return Promise.resolve("first");
  if (from === to) return Promise.resolve("fast-forward");
  return failWhereUnavailable(() => relate({ git, gitDir: mirror, signal }, from, to));
}

/** The git folder that {@link historyBetween} needs, for what `readCommit` just read with the same options. */
export function repositoryFolder(options: RepositoryOptions): Promise<string> {
  return failWhereUnavailable(async () => (await locateRepository(options)).gitDir);
}

async function relate(repository: LocalRepository, from: string, to: string): Promise<History> {
  if (await isAhead(repository, from, to)) return "fast-forward";
  const tip = await commitOf(repository, to);
  if (tip === undefined)
    throw new Unavailable("READ_FAILED", `commit ${to} is not in ${repository.gitDir}; read it first`);
  const past = await commitOf(repository, from);
  const base = past === undefined ? undefined : await askGit(repository, ["merge-base", past, tip]);
  if (past !== undefined && base === past) return "fast-forward";
  await ensureWhole(repository, from);
  return past !== undefined && base === undefined ? "unrelated" : "forced";
}

/** The usual case, in one question; whatever else is found, or fails, is looked into one by one. */
async function isAhead(repository: LocalRepository, from: string, to: string): Promise<boolean> {
  try {
    return (await askGit(repository, ["merge-base", "--end-of-options", from, to])) === from;
  } catch (error) {
    if (error instanceof Unavailable) return false;
    throw error;
  }
}

/** Where the past was cut off, "no common commit" would be a guess. */
async function ensureWhole(repository: LocalRepository, from: string): Promise<void> {
  if ((await askGit(repository, ["rev-parse", "--is-shallow-repository"])) !== "true") return;
  const mend = "fetch its history: git fetch --unshallow, or `fetch-depth: 0` in actions/checkout";
  const what = `${repository.gitDir} is a shallow clone, so its relation to ${from.slice(0, 12)} cannot be told`;
  throw new Unavailable("READ_FAILED", `${what}; ${mend}`);
}
