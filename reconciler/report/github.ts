// Speaks with GitHub through Octokit, in the report's own verbs. The only place that knows its client, retries and limits.
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { Octokit } from "@octokit/rest";
import { PermanentFailure } from "../../contracts/failure.ts";
import { translateFailure } from "./github-failure.ts";

export interface GithubRepository {
  readonly owner: string;
  readonly name: string;
}

export interface GithubOptions {
  /** `https://api.github.com`, or `https://<host>/api/v3` of a GitHub Enterprise Server. */
  readonly apiUrl: string;
  readonly token: string;
  readonly repository: GithubRepository;
  /** `github`: writes are spaced as GitHub asks, failed reads are repeated. `none`: every request once, at once. */
  readonly pace: "github" | "none";
  /** A limit that is over within this time is waited for; a longer one is a TransientFailure. */
  readonly waitForLimitMs: number;
  readonly signal?: AbortSignal;
}

export interface Comment {
  readonly id: number;
  /** The account that wrote it; empty where that account is gone. */
  readonly author: string;
  readonly body: string;
}

export interface Annotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: "notice" | "warning" | "failure";
  readonly title: string;
  readonly message: string;
}

interface CheckOutput {
  readonly title: string;
  readonly summary: string;
  readonly text?: string;
  readonly annotations?: Annotation[];
}

export type Conclusion = "success" | "action_required" | "failure" | "neutral" | "cancelled";

interface CheckFields {
  readonly external_id: string;
  readonly status: "in_progress" | "completed";
  readonly conclusion?: Conclusion;
  readonly details_url?: string;
  readonly output: CheckOutput;
}

export interface CheckRun {
  readonly id: number;
  readonly externalId: string;
  readonly completed: boolean;
  readonly annotations: number;
  /** The account in whose name its App writes comments. */
  readonly author: string;
  /** The page that shows it. */
  readonly url: string | null;
}

export interface PullRequest {
  readonly number: number;
  readonly headSha: string;
  readonly merged: boolean;
}

/** Every verb throws PermanentFailure GITHUB_AUTH, _FORBIDDEN, _NOT_FOUND, _REJECTED or TransientFailure GITHUB_UNAVAILABLE. */
export interface Github {
  /** The repository's page, without a slash at its end. */
  readonly repositoryUrl: string;
  /** The token's own account; null for an App's token, which has none that may be asked for. */
  findViewer(): Promise<string | null>;
  /** Those into a branch; null: into the repository's default branch. */
  listOpenPulls(baseRef: string | null): Promise<PullRequest[]>;
  listPullsOf(commit: string): Promise<PullRequest[]>;
  listComments(pull: number): AsyncIterable<Comment>;
  createComment(pull: number, body: string): Promise<Comment>;
  updateComment(id: number, body: string): Promise<void>;
  listCheckRuns(commit: string, name: string): Promise<CheckRun[]>;
  createCheckRun(commit: string, name: string, fields: CheckFields): Promise<CheckRun>;
  updateCheckRun(id: number, fields: CheckFields): Promise<void>;
  createStatus(commit: string, context: string, state: StatusState, description: string): Promise<void>;
}

export type StatusState = "pending" | "success" | "failure" | "error";

const PAGE = 100;
/** A POST or an appending PATCH whose answer is lost may have taken effect: finding it again is the caller's retry. */
const ONCE = { request: { retries: 0 } };

export function connectGithub(options: GithubOptions): Github {
  const octokit = createOctokit(options);
  const { repository } = options;
  const at = { owner: repository.owner, repo: repository.name };
  const { checks, issues, pulls, repos, users } = octokit.rest;
  return {
    repositoryUrl: `${webUrl(options.apiUrl)}/${repository.owner}/${repository.name}`,
    findViewer: () =>
      attempt("ask who the token is", () => users.getAuthenticated().then(({ data }) => data.login)).catch(
        nobodyIfForbidden,
      ),
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
    listPullsOf: (commit_sha) =>
      attempt(`list the pull requests of ${commit_sha}`, async () =>
        (await octokit.paginate(repos.listPullRequestsAssociatedWithCommit, { ...at, commit_sha, per_page: PAGE })).map(
          readPull,
        ),
      ),
    listComments: (issue_number) => listComments(octokit, at, issue_number),
    createComment: (issue_number, body) =>
      attempt(`comment on #${issue_number}`, async () =>
        readComment((await issues.createComment({ ...at, issue_number, body, ...ONCE })).data),
      ),
    updateComment: (comment_id, body) =>
      attempt(`edit comment ${comment_id}`, async () => void (await issues.updateComment({ ...at, comment_id, body }))),
    listCheckRuns: (ref, check_name) =>
      attempt(`list the check runs of ${ref}`, async () =>
        (await octokit.paginate(checks.listForRef, { ...at, ref, check_name, filter: "all", per_page: PAGE })).map(
          readCheckRun,
        ),
      ),
    createCheckRun: (head_sha, name, fields) =>
      attempt(`create the check run ${name}`, async () =>
        readCheckRun((await checks.create({ ...at, head_sha, name, ...fields, ...ONCE })).data),
      ),
    updateCheckRun: (check_run_id, fields) =>
      attempt(
        `update check run ${check_run_id}`,
        async () => void (await checks.update({ ...at, check_run_id, ...fields, ...ONCE })),
      ),
    createStatus: (sha, context, state, description) =>
      attempt(
        `set the status ${context}`,
        async () => void (await repos.createCommitStatus({ ...at, sha, context, state, description })),
      ),
  };
}

function webUrl(apiUrl: string): string {
  const { protocol, host } = new URL(apiUrl);
  return host === "api.github.com" ? "https://github.com" : `${protocol}//${host.replace(/^api\./, "")}`;
}

const silent = (): void => undefined;

function createOctokit({ apiUrl, token, pace, waitForLimitMs, signal }: GithubOptions): Octokit {
  const Client = Octokit.plugin(throttling, retry);
  const waits = (retryAfter: number, _options: unknown, _octokit: unknown, retries: number): boolean =>
    retries < 2 && retryAfter * 1_000 <= waitForLimitMs;
  return new Client({
    auth: token,
    baseUrl: apiUrl.replace(/\/+$/, ""),
    userAgent: "countwheel",
    // Limits come back as failures with their wait; Octokit's own lines would mix with ours.
    log: { debug: silent, info: silent, warn: silent, error: silent },
    throttle: { enabled: pace === "github", onRateLimit: waits, onSecondaryRateLimit: waits },
    retry: { enabled: pace === "github", doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451] },
    request: signal === undefined ? {} : { signal },
  });
}

async function attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translateFailure(error, what, Date.now());
  }
}

function nobodyIfForbidden(error: unknown): null {
  if (error instanceof PermanentFailure && error.code === "GITHUB_FORBIDDEN") return null;
  throw error;
}

/** Lazily, page by page: the comment that is looked for mostly stands on the first. */
async function* listComments(
  octokit: Octokit,
  at: { readonly owner: string; readonly repo: string },
  issue_number: number,
): AsyncIterable<Comment> {
  for (let page = 1; ; page += 1) {
    const comments = await attempt(`list the comments of #${issue_number}`, async () =>
      (await octokit.rest.issues.listComments({ ...at, issue_number, per_page: PAGE, page })).data.map(readComment),
    );
    yield* comments;
    if (comments.length < PAGE) return;
  }
}

function readComment(data: { id: number; body?: string; user: { login: string } | null }): Comment {
  return { id: data.id, author: data.user?.login ?? "", body: data.body ?? "" };
}

function readCheckRun(data: {
  id: number;
  external_id: string | null;
  status: string;
  html_url: string | null;
  app: { slug?: string } | null;
  output: { annotations_count: number };
}): CheckRun {
  return {
    id: data.id,
    externalId: data.external_id ?? "",
    completed: data.status === "completed",
    annotations: data.output.annotations_count,
    author: `${data.app?.slug ?? ""}[bot]`,
    url: data.html_url,
  };
}

function readPull(data: { number: number; merged_at: string | null; head: { sha: string } }): PullRequest {
  return {
    number: data.number,
    headSha: data.head.sha,
    merged: data.merged_at !== null,
  };
}
