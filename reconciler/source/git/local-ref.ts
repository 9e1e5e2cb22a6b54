// Resolves a ref of a repository on this machine to a commit.
import { Damaged } from "../unavailable.ts";
import { askGit, type LocalRepository } from "./local.ts";
import { refNotFound } from "./near-ref.ts";
import type { ValidRef } from "./ref.ts";

export interface ResolvedRef {
  /** A full ref name; a commit's own id where it was named by that; `HEAD` where no branch is checked out. */
  readonly ref: string;
  readonly sha: string;
}

/** `asked` and `repo` are the user's words, for the message. Throws Unavailable where nothing has that name. */
export async function resolveLocalRef(
  repository: LocalRepository & { readonly repo: string },
  request: ValidRef,
  asked: string,
): Promise<ResolvedRef> {
  const found = await findLocalRef(repository, request);
  if (found !== undefined) return found;
  throw refNotFound(asked, repository.repo, await listNames(repository));
}

export async function findLocalRef(repository: LocalRepository, request: ValidRef): Promise<ResolvedRef | undefined> {
  switch (request.kind) {
    case "head":
      // It exits with 1 where HEAD is a commit's own id, and names a branch also where there is none yet.
      return named(repository, (await askGit(repository, ["symbolic-ref", "--quiet", "HEAD"])) ?? "HEAD");
    case "commit":
      return asCommit(repository, request.sha);
    case "names": {
      const found = await firstThatExists(repository, request.names);
      // A branch holds a commit, or git would not have made it: only other names are asked what is behind them.
      if (found?.ref.startsWith("refs/heads/")) return found;
      if (found !== undefined) return (await named(repository, found.ref)) ?? noCommit(repository, found.ref);
      return request.abbreviated === undefined ? undefined : asCommit(repository, request.abbreviated);
    }
  }
}

/** `sha` is what the ref points at, unread. */
async function firstThatExists(
  repository: LocalRepository,
  names: readonly string[],
): Promise<ResolvedRef | undefined> {
  // Patterns also match everything below a name, so the answer is compared.
  const format = "--format=%(objectname) %(refname)";
  const answer = await askGit(repository, ["for-each-ref", format, "--end-of-options", ...names]);
  const lines = (answer ?? "").split("\n").map((line): ResolvedRef => {
    const space = line.indexOf(" ");
    return { sha: line.slice(0, space), ref: line.slice(space + 1) };
  });
  return names.map((name) => lines.find(({ ref }) => ref === name)).find((line) => line !== undefined);
}

async function named(repository: LocalRepository, ref: string): Promise<ResolvedRef | undefined> {
  const sha = await commitOf(repository, ref);
  return sha === undefined ? undefined : { ref, sha };
}

/** The name is there. To say that it is not would send people looking for a branch that nobody deleted. */
function noCommit({ gitDir }: LocalRepository, ref: string): never {
  throw new Damaged(`${ref} of ${gitDir} names no commit that can be read`);
}

async function asCommit(repository: LocalRepository, id: string): Promise<ResolvedRef | undefined> {
  const sha = await commitOf(repository, id);
  return sha === undefined ? undefined : { ref: sha, sha };
}

/** The commit behind a full name or an id, through annotated tags; undefined for a tree, a blob or nothing. */
export async function commitOf(repository: LocalRepository, name: string): Promise<string | undefined> {
  return askGit(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]);
}

async function listNames(repository: LocalRepository): Promise<readonly string[]> {
  const options = ["--count=10000", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags"];
  return (await askGit(repository, ["for-each-ref", ...options]))?.split("\n") ?? [];
}
