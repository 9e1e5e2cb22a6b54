// Facts about one commit, for people and for the plan.
import { showPlainly } from "../files/plain-text.ts";
import type { CommitInfo } from "../source.ts";
import { Damaged } from "../unavailable.ts";
import { askGit, type LocalRepository } from "./local.ts";

export interface CommitFacts {
  readonly info: CommitInfo;
  readonly treeSha: string;
}

const FORMAT = "--format=%H%x00%T%x00%cI%x00%an%x00%s";

export async function readCommitFacts(repository: LocalRepository, sha: string): Promise<CommitFacts> {
  // --no-mailmap: a mailmap is a blob, which a partial mirror would fetch.
  const options = ["-1", "--no-mailmap", "--no-decorate", "--encoding=UTF-8", FORMAT, "--end-of-options", sha];
  const [id, treeSha, committedAt, author, subject] =
    (await askGit(repository, ["log", ...options]))?.split("\0") ?? [];
  if (id === undefined || treeSha === undefined || committedAt === undefined) {
    throw new Damaged(`commit ${sha} cannot be read from ${repository.gitDir}`);
  }
  const info = { sha: id, subject: showPlainly(subject ?? ""), author: showPlainly(author ?? ""), committedAt };
  return { info, treeSha };
}
