// What the loopback GitHub remembers, and how each operation reads or changes it.
import type { Request } from "./judge.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Of a list: all its items; the server cuts the page. */
  readonly list?: { readonly items: readonly unknown[]; readonly wrap?: string };
}

export interface Pull {
  readonly number: number;
  readonly headSha: string;
  readonly headRef: string;
  readonly baseRef: string;
  readonly baseSha: string;
  readonly mergedAt: string | null;
  readonly mergeCommitSha: string | null;
  /** `owner/name` of the repository that its branch is in; null: it was deleted. */
  readonly headRepo: string | null;
  /** Who opened it. */
  readonly login: string;
  /** Closed without a merge. */
  readonly closed: boolean;
  /** Commits that `GET /commits/{sha}/pulls` finds it by. */
  readonly commits: readonly string[];
}

export interface Comment {
  readonly id: number;
  readonly pull: number;
  readonly login: string;
  body: string;
  readonly createdAt: string;
  updatedAt: string;
  /** `user: reaction`, each once. */
  readonly reactions: Set<string>;
}

export interface CheckRun {
  readonly id: number;
  readonly app: string;
  readonly headSha: string;
  name: string;
  externalId: string;
  status: string;
  conclusion: string | null;
  title: string;
  summary: string;
  text: string;
  /** The buttons of the last update that named some. */
  actions: readonly Record<string, unknown>[];
  /** Later updates append. */
  readonly annotations: Record<string, unknown>[];
}

export interface Issue {
  readonly number: number;
  readonly login: string;
  readonly byApp: boolean;
  title: string;
  body: string;
  open: boolean;
}

export interface Deployment {
  readonly id: number;
  readonly login: string;
  readonly sha: string;
  readonly environment: string;
  readonly task: string;
  readonly payload: unknown;
  readonly statuses: Fields[];
}

export interface Status {
  readonly sha: string;
  readonly login: string;
  readonly state: string;
  readonly context: string;
  readonly description: string;
}

type Fields = Readonly<Record<string, unknown>>;
type Params = Readonly<Record<string, string>>;

export class GithubState {
  readonly pulls: Pull[] = [];
  readonly comments: Comment[] = [];
  readonly checkRuns: CheckRun[] = [];
  readonly statuses: Status[] = [];
  readonly issues: Issue[] = [];
  readonly deployments: Deployment[] = [];
  /** By login: what they may do; others read. */
  readonly permissions = new Map<string, string>();
  /** For the times of comments. */
  clock: () => Date = () => new Date();
  #nextId = 100;

  addPull(pull: Pick<Pull, "number" | "headSha"> & Partial<Pull>): Pull {
    const whole: Pull = {
      headRef: `change-${pull.number}`,
      baseRef: "main",
      baseSha: "b".repeat(40),
      mergedAt: null,
      mergeCommitSha: null,
      headRepo: "acme/agents",
      login: "ada",
      closed: false,
      ...pull,
      commits: [pull.headSha, ...(pull.mergeCommitSha ? [pull.mergeCommitSha] : []), ...(pull.commits ?? [])],
    };
    const known = this.pulls.findIndex(({ number }) => number === pull.number);
    this.pulls.splice(known < 0 ? this.pulls.length : known, known < 0 ? 0 : 1, whole);
    return whole;
  }

  addComment(comment: Pick<Comment, "pull" | "login" | "body"> & Partial<Comment>): Comment {
    const at = this.#now();
    const whole: Comment = { id: this.#id(), createdAt: at, updatedAt: at, reactions: new Set(), ...comment };
    this.comments.push(whole);
    return whole;
  }

  addIssue(issue: Omit<Issue, "number" | "open"> & Partial<Issue>): Issue {
    const whole = { number: this.#id(), open: true, ...issue };
    this.issues.push(whole);
    return whole;
  }

  /** By login in small letters: a number stays with the account whose login changes. */
  readonly ids = new Map<string, number>();

  idOf(login: string): number {
    const id = this.ids.get(login.toLowerCase()) ?? 1_000 + this.ids.size;
    this.ids.set(login.toLowerCase(), id);
    return id;
  }

  answer(operation: string, params: Params, asked: Request, login: string): Answer {
    const fields = (asked.body ?? {}) as Fields;
    switch (operation) {
      case "GET /user":
        return ok({ login, id: this.idOf(login), type: login.endsWith("[bot]") ? "Bot" : "User" });
      case "GET /repos/{owner}/{repo}/pulls":
        return listed(this.pulls.filter((pull) => matchesPull(pull, asked.query)).map(pullView));
      case "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls":
        return listed(this.pulls.filter(({ commits }) => commits.includes(params["commit_sha"] ?? "")).map(pullView));
      case "GET /repos/{owner}/{repo}/issues/{issue_number}/comments":
        return this.#listComments(Number(params["issue_number"]));
      case "POST /repos/{owner}/{repo}/issues/{issue_number}/comments":
        return this.#createComment(Number(params["issue_number"]), fields, login);
      case "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}":
        return this.#updateComment(Number(params["comment_id"]), fields);
      case "GET /repos/{owner}/{repo}/issues/comments":
        return this.#commentsSince(asked.query["since"] ?? "");
      case "GET /repos/{owner}/{repo}/issues/comments/{comment_id}":
        return this.#readComment(Number(params["comment_id"]));
      case "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions":
        return this.#react(Number(params["comment_id"]), fields, login);
      case "GET /repos/{owner}/{repo}/collaborators/{username}/permission":
        return ok({ permission: this.permissions.get(params["username"] ?? "") ?? "read" });
      case "GET /repos/{owner}/{repo}/pulls/{pull_number}":
        return this.#readPull(Number(params["pull_number"]));
      case "GET /repos/{owner}/{repo}/issues":
        return listed([...this.pulls.map(pullAsIssue), ...this.issues.filter(({ open }) => open).map(issueView)]);
      case "POST /repos/{owner}/{repo}/issues":
        return this.#createIssue(fields, login);
      case "GET /repos/{owner}/{repo}/issues/{issue_number}":
      case "PATCH /repos/{owner}/{repo}/issues/{issue_number}":
        return this.#changeIssue(Number(params["issue_number"]), fields);
      case "GET /repos/{owner}/{repo}/commits/{ref}/check-runs":
        return listed(this.#checksOf(params["ref"] ?? "", asked.query).map(checkView), "check_runs");
      case "POST /repos/{owner}/{repo}/check-runs":
        return this.#createCheck(fields, login);
      case "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}":
        return this.#updateCheck(Number(params["check_run_id"]), fields, login);
      case "POST /repos/{owner}/{repo}/statuses/{sha}":
        return this.#createStatus(params["sha"] ?? "", fields, login);
      case "GET /repos/{owner}/{repo}/deployments":
        return listed(this.#deploymentsOf(asked.query));
      case "POST /repos/{owner}/{repo}/deployments":
        return this.#createDeployment(fields, login);
      case "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses":
        return this.#setDeploymentStatus(Number(params["deployment_id"]), fields);
      default:
        return missing();
    }
  }

  #deploymentsOf(query: Readonly<Record<string, string>>): Deployment[] {
    const asked = (["sha", "environment", "task"] as const).filter((name) => query[name] !== undefined);
    return this.deployments.filter((one) => asked.every((name) => one[name] === query[name]));
  }

  /** Merges the default branch into the ref, and refuses while a check of the commit asks for action, where nobody says otherwise. */
  #createDeployment(fields: Fields, login: string): Answer {
    const sha = String(fields["ref"]);
    if (fields["auto_merge"] !== false) return { status: 202, body: { message: "Auto-merged main into the ref." } };
    const pending = this.checkRuns.filter(({ headSha, conclusion }) => headSha === sha && conclusion !== "success");
    if (fields["required_contexts"] === undefined && pending.length > 0)
      return { status: 409, body: { message: "Conflict: Commit status checks failed." } };
    const text = (name: string, other: string): string => (typeof fields[name] === "string" ? fields[name] : other);
    const environment = text("environment", "production");
    const deployment = {
      id: this.#id(),
      login,
      sha,
      environment,
      task: text("task", "deploy"),
      payload: fields["payload"],
    };
    this.deployments.push({ ...deployment, statuses: [] });
    return { status: 201, body: deployment };
  }

  #setDeploymentStatus(id: number, fields: Fields): Answer {
    const deployment = this.deployments.find((candidate) => candidate.id === id);
    if (deployment === undefined) return missing();
    deployment.statuses.push(fields);
    return { status: 201, body: { id: this.#id(), ...fields } };
  }

  #id(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  #now(): string {
    return `${this.clock().toISOString().slice(0, 19)}Z`;
  }

  #commentsSince(since: string): Answer {
    const found = this.comments.filter(({ updatedAt }) => updatedAt >= since);
    return listed(found.toSorted((a, b) => (a.updatedAt < b.updatedAt ? -1 : 1)).map((one) => this.#commentView(one)));
  }

  #readComment(id: number): Answer {
    const comment = this.comments.find((candidate) => candidate.id === id);
    return comment === undefined ? missing() : ok(this.#commentView(comment));
  }

  #react(id: number, fields: Fields, login: string): Answer {
    const comment = this.comments.find((candidate) => candidate.id === id);
    if (comment === undefined) return missing();
    comment.reactions.add(`${login}: ${String(fields["content"])}`);
    return { status: 201, body: { id: this.#id(), content: fields["content"] } };
  }

  #readPull(number: number): Answer {
    const pull = this.pulls.find((candidate) => candidate.number === number);
    return pull === undefined ? missing() : ok(pullView(pull));
  }

  #listComments(number: number): Answer {
    if (!this.pulls.some((pull) => pull.number === number)) return missing();
    return listed(this.comments.filter(({ pull }) => pull === number).map((one) => this.#commentView(one)));
  }

  #createComment(pull: number, fields: Fields, login: string): Answer {
    if (!this.pulls.some(({ number }) => number === pull)) return missing();
    return { status: 201, body: this.#commentView(this.addComment({ pull, login, body: String(fields["body"]) })) };
  }

  /** Whoever may write to the repository may edit anybody's comment: GitHub does not protect us from a wrong id. */
  #updateComment(id: number, fields: Fields): Answer {
    const comment = this.comments.find((candidate) => candidate.id === id);
    if (comment === undefined) return missing();
    comment.body = String(fields["body"]);
    comment.updatedAt = this.#now();
    return ok(this.#commentView(comment));
  }

  #commentView({ id, pull, login, body, createdAt, updatedAt }: Comment): Fields {
    const isBot = login.endsWith("[bot]");
    return {
      id,
      body,
      created_at: createdAt,
      updated_at: updatedAt,
      html_url: `https://github.test/acme/agents/pull/${pull}#issuecomment-${id}`,
      user: { login, id: this.idOf(login), type: isBot ? "Bot" : "User" },
      performed_via_github_app: isBot ? { slug: login.replace("[bot]", "") } : null,
    };
  }

  #createIssue(fields: Fields, login: string): Answer {
    const [title, body] = [String(fields["title"]), String(fields["body"])];
    return { status: 201, body: issueView(this.addIssue({ title, body, login, byApp: login.endsWith("[bot]") })) };
  }

  /** No fields: it is only read. */
  #changeIssue(number: number, fields: Fields): Answer {
    const issue = this.issues.find((candidate) => candidate.number === number);
    if (issue === undefined) return missing();
    if (typeof fields["title"] === "string") issue.title = fields["title"];
    if (typeof fields["body"] === "string") issue.body = fields["body"];
    if (fields["state"] !== undefined) issue.open = fields["state"] === "open";
    return ok(issueView(issue));
  }

  #checksOf(sha: string, query: Readonly<Record<string, string>>): CheckRun[] {
    const name = query["check_name"];
    return this.checkRuns.filter((run) => run.headSha === sha && (name === undefined || run.name === name));
  }

  #createCheck(fields: Fields, login: string): Answer {
    const run: CheckRun = {
      id: this.#id(),
      app: login.replace("[bot]", ""),
      headSha: String(fields["head_sha"]),
      name: String(fields["name"]),
      externalId: "",
      status: "queued",
      conclusion: null,
      title: "",
      summary: "",
      text: "",
      actions: [],
      annotations: [],
    };
    this.checkRuns.push(run);
    writeCheck(run, fields);
    return { status: 201, body: checkView(run) };
  }

  #updateCheck(id: number, fields: Fields, login: string): Answer {
    const run = this.checkRuns.find((candidate) => candidate.id === id);
    if (run === undefined) return missing();
    if (`${run.app}[bot]` !== login) {
      return {
        status: 403,
        body: {
          message: `Invalid app_id \`${id}\` - check run can only be modified by the GitHub App that created it.`,
        },
      };
    }
    writeCheck(run, fields);
    return ok(checkView(run));
  }

  #createStatus(sha: string, fields: Fields, login: string): Answer {
    const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
    const status = { sha, login, state: text("state"), context: text("context"), description: text("description") };
    this.statuses.push(status);
    return { status: 201, body: { id: this.#id(), ...status } };
  }
}

function writeCheck(run: CheckRun, fields: Fields): void {
  const output = (fields["output"] ?? {}) as Fields;
  if (typeof fields["external_id"] === "string") run.externalId = fields["external_id"];
  if (typeof fields["status"] === "string") run.status = fields["status"];
  if (typeof fields["conclusion"] === "string") {
    run.conclusion = fields["conclusion"];
    run.status = "completed";
  } else if (run.status !== "completed") run.conclusion = null;
  if (typeof output["title"] === "string") run.title = output["title"];
  if (typeof output["summary"] === "string") run.summary = output["summary"];
  if (typeof output["text"] === "string") run.text = output["text"];
  if (Array.isArray(fields["actions"])) run.actions = fields["actions"] as Record<string, unknown>[];
  run.annotations.push(...((output["annotations"] ?? []) as Record<string, unknown>[]));
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function missing(): Answer {
  return { status: 404, body: { message: "Not Found" } };
}

function listed(items: readonly unknown[], wrap?: string): Answer {
  return { status: 200, body: null, list: { items, ...(wrap === undefined ? {} : { wrap }) } };
}

function matchesPull(pull: Pull, query: Readonly<Record<string, string>>): boolean {
  const state = query["state"] ?? "open";
  const open = isOpen(pull);
  const base = query["base"];
  return (state === "all" || (state === "open") === open) && (base === undefined || base === pull.baseRef);
}

function pullView(pull: Pull): Fields {
  return {
    number: pull.number,
    state: isOpen(pull) ? "open" : "closed",
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeCommitSha,
    user: { login: pull.login, type: pull.login.endsWith("[bot]") ? "Bot" : "User" },
    head: { sha: pull.headSha, ref: pull.headRef, repo: pull.headRepo === null ? null : repoView(pull.headRepo) },
    base: { sha: pull.baseSha, ref: pull.baseRef, repo: { ...repoView("acme/agents"), default_branch: "main" } },
  };
}

function isOpen({ mergedAt, closed }: Pull): boolean {
  return mergedAt === null && !closed;
}

function repoView(fullName: string): Fields {
  return { id: fullName === "acme/agents" ? 1 : 2, full_name: fullName };
}

function issueView({ number, login, byApp, title, body, open }: Issue): Fields {
  const app = byApp ? { slug: login.replace("[bot]", "") } : null;
  return { number, title, body, state: open ? "open" : "closed", user: { login }, performed_via_github_app: app };
}

/** GitHub lists pull requests among the issues. */
function pullAsIssue({ number }: Pull): Fields {
  return { number, title: "", body: null, state: "open", user: { login: "ada" }, pull_request: {} };
}

function checkView(run: CheckRun): Fields {
  return {
    id: run.id,
    name: run.name,
    head_sha: run.headSha,
    external_id: run.externalId,
    status: run.status,
    conclusion: run.conclusion,
    html_url: `https://github.test/runs/${run.id}`,
    app: { slug: run.app },
    output: { title: run.title, summary: run.summary, text: run.text, annotations_count: run.annotations.length },
  };
}
