// Pull requests: which are open, and which a commit belongs to.
import { attempt, type Client, isFailure, PAGE } from "./client.ts";

export interface PullRequest {
  readonly number: number;
  readonly headSha: string;
  readonly merged: boolean;
  /** Its head is a branch of this very repository, and a person opened it: whoever wrote it may write here. */
  readonly isOwn: boolean;
}

export interface PullVerbs {
  /** Those into a branch; null: into the repository's default branch. */
  listOpenPulls(baseRef: string | null): Promise<PullRequest[]>;
  /** As it is at this moment; undefined: there is none of this number. */
  findPull(number: number): Promise<(PullRequest & { readonly open: boolean }) | undefined>;
  listPullsOf(commit: string): Promise<PullRequest[]>;
}

export function pullVerbs({ octokit, at }: Client): PullVerbs {
  const { pulls, repos } = octokit.rest;
  return {
    listOpenPulls: (base) =>
      attempt("list open pull requests", async () =>
        (
          await octokit.paginate(pulls.list, {
            ...at,
            state: "open",
            per_page: PAGE,
            ...(base === null ? {} : { base }),
          })
        )
          .filter((pull) => base !== null || pull.base.ref === pull.base.repo.default_branch)
          .map(readPull),
      ),
    findPull: async (pull_number) => {
      try {
        const { data } = await attempt(`read #${pull_number}`, () => pulls.get({ ...at, pull_number }));
        return { ...readPull(data), open: data.state === "open" };
      } catch (error) {
        if (isFailure(error, "GITHUB_NOT_FOUND")) return undefined;
        throw error;
      }
    },
    listPullsOf: (commit_sha) =>
      attempt(`list the pull requests of ${commit_sha}`, async () =>
        (await octokit.paginate(repos.listPullRequestsAssociatedWithCommit, { ...at, commit_sha, per_page: PAGE })).map(
          readPull,
        ),
      ),
  };
}

interface PullData {
  readonly number: number;
  readonly merged_at: string | null;
  readonly head: { readonly sha: string; readonly repo?: { readonly id: number } | null };
  readonly base: { readonly repo?: { readonly id: number } };
  readonly user: { readonly type?: string } | null;
}

function readPull({ number, merged_at: mergedAt, head, base, user }: PullData): PullRequest {
  // A fork that was deleted has no repository any more. What is not told is not believed.
  const isHere = head.repo?.id !== undefined && head.repo.id === base.repo?.id;
  return { number, headSha: head.sha, merged: mergedAt !== null, isOwn: isHere && user?.type === "User" };
}
