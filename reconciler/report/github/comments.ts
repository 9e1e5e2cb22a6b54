// Comments of issues and pull requests: listing, writing and editing them.
import { attempt, type Client, ONCE, PAGE } from "./client.ts";

export interface Comment {
  readonly id: number;
  /** The account that wrote it; empty where that account is gone. */
  readonly author: string;
  readonly body: string;
  /** By GitHub's clock, to the second. */
  readonly updatedAt: string;
}

/** A comment on a pull request, with what says whose word it is. */
export interface SpokenComment extends Comment {
  readonly pull: number;
  readonly createdAt: string;
  /** What GitHub calls the account; null: it is gone, or no person's. */
  readonly person: { readonly login: string; readonly id: number } | null;
}

export type Reaction = "+1" | "-1" | "confused" | "eyes";

export interface CommentVerbs {
  listComments(pull: number): AsyncIterable<Comment>;
  /** Those on pull requests that were written or edited since, oldest first. */
  listCommentsSince(since: string): AsyncIterable<SpokenComment>;
  readComment(id: number): Promise<Comment>;
  react(comment: number, content: Reaction): Promise<void>;
  createComment(pull: number, body: string): Promise<Comment>;
  updateComment(id: number, body: string): Promise<Comment>;
}

export function commentVerbs(client: Client): CommentVerbs {
  const { octokit, at } = client;
  const { issues } = octokit.rest;
  return {
    listComments: (issue_number) => listComments(client, issue_number),
    listCommentsSince: (since) => listCommentsSince(client, since),
    readComment: (comment_id) =>
      attempt(`read comment ${comment_id}`, async () =>
        readComment((await issues.getComment({ ...at, comment_id })).data),
      ),
    react: (comment_id, content) =>
      attempt(
        `react to comment ${comment_id}`,
        async () => void (await octokit.rest.reactions.createForIssueComment({ ...at, comment_id, content })),
      ),
    createComment: (issue_number, body) =>
      attempt(`comment on #${issue_number}`, async () =>
        readComment((await issues.createComment({ ...at, issue_number, body, ...ONCE })).data),
      ),
    updateComment: (comment_id, body) =>
      attempt(`edit comment ${comment_id}`, async () =>
        readComment((await issues.updateComment({ ...at, comment_id, body })).data),
      ),
  };
}

/** Lazily, page by page: the comment that is looked for mostly stands on the first. */
async function* listComments({ octokit, at }: Client, issue_number: number): AsyncIterable<Comment> {
  for (let page = 1; ; page += 1) {
    const comments = await attempt(`list the comments of #${issue_number}`, async () =>
      (await octokit.rest.issues.listComments({ ...at, issue_number, per_page: PAGE, page })).data.map(readComment),
    );
    yield* comments;
    if (comments.length < PAGE) return;
  }
}

async function* listCommentsSince({ octokit, at }: Client, since: string): AsyncIterable<SpokenComment> {
  const order = { since, sort: "updated", direction: "asc" } as const;
  for (let page = 1; ; page += 1) {
    const found = await attempt("list new comments", async () => {
      const { data } = await octokit.rest.issues.listCommentsForRepo({ ...at, ...order, per_page: PAGE, page });
      return data.map(readSpoken);
    });
    yield* found.filter((comment) => comment !== undefined);
    if (found.length < PAGE) return;
  }
}

interface CommentData {
  readonly id: number;
  readonly body?: string;
  readonly updated_at: string;
  readonly user: { readonly login: string; readonly id: number; readonly type: string } | null;
}

function readComment({ id, body = "", updated_at: updatedAt, user }: CommentData): Comment {
  return { id, author: user?.login ?? "", body, updatedAt };
}

/** undefined: it is on an issue. */
function readSpoken(
  data: CommentData & {
    readonly created_at: string;
    readonly html_url: string;
    readonly performed_via_github_app?: object | null;
  },
): SpokenComment | undefined {
  const pull = /\/pull\/(\d+)#/.exec(data.html_url)?.[1];
  if (pull === undefined) return undefined;
  const { user } = data;
  const isPerson = user?.type === "User" && data.performed_via_github_app == null;
  const person = isPerson ? { login: user.login, id: user.id } : null;
  return { ...readComment(data), pull: Number(pull), createdAt: data.created_at, person };
}
