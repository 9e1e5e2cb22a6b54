// Issues: listing, reading, opening and editing them. Pull requests, which GitHub lists among them, are left out.
import { attempt, type Client, isFailure, ONCE, PAGE } from "./client.ts";

export interface Issue {
  readonly number: number;
  /** The account that opened it; empty where that account is gone. */
  readonly author: string;
  /** An App opened it, through its own token. */
  readonly byApp: boolean;
  readonly open: boolean;
  readonly title: string;
  readonly body: string;
}

export interface IssueFields {
  readonly title?: string;
  readonly body?: string;
  readonly state?: "open" | "closed";
  readonly state_reason?: "completed" | "not_planned" | "reopened";
}

export interface IssueVerbs {
  /** All pages, lazily; oldest first. */
  listOpenIssues(): AsyncIterable<Issue>;
  /** undefined: it is gone. */
  findIssue(number: number): Promise<Issue | undefined>;
  createIssue(title: string, body: string): Promise<Issue>;
  updateIssue(number: number, fields: IssueFields): Promise<void>;
}

export function issueVerbs(client: Client): IssueVerbs {
  const { octokit, at } = client;
  const { issues } = octokit.rest;
  return {
    listOpenIssues: () => listOpenIssues(client),
    findIssue: async (issue_number) => {
      try {
        return await attempt(`read issue #${issue_number}`, async () =>
          readIssue((await issues.get({ ...at, issue_number })).data),
        );
      } catch (error) {
        if (isFailure(error, "GITHUB_NOT_FOUND")) return undefined;
        throw error;
      }
    },
    createIssue: (title, body) =>
      attempt("open an issue", async () => readIssue((await issues.create({ ...at, title, body, ...ONCE })).data)),
    updateIssue: (issue_number, fields) =>
      attempt(
        `edit issue #${issue_number}`,
        async () => void (await issues.update({ ...at, issue_number, ...fields })),
      ),
  };
}

async function* listOpenIssues({ octokit, at }: Client): AsyncIterable<Issue> {
  for (let page = 1; ; page += 1) {
    const order = { state: "open", sort: "created", direction: "asc" } as const;
    const found = await attempt(
      "list the open issues",
      async () => (await octokit.rest.issues.listForRepo({ ...at, ...order, per_page: PAGE, page })).data,
    );
    yield* found.filter(({ pull_request }) => pull_request === undefined).map(readIssue);
    if (found.length < PAGE) return;
  }
}

function readIssue(data: {
  number: number;
  user: { login: string } | null;
  performed_via_github_app?: object | null;
  state: string;
  title: string;
  body?: string | null;
}): Issue {
  return {
    number: data.number,
    author: data.user?.login ?? "",
    byApp: data.performed_via_github_app != null,
    open: data.state === "open",
    title: data.title,
    body: data.body ?? "",
  };
}
