// Comments of issues and pull requests: listing, writing and editing them.
import { attempt, type Client, ONCE, PAGE } from "./client.ts";

export interface Comment {
  readonly id: number;
  /** The account that wrote it; empty where that account is gone. */
  readonly author: string;
  readonly body: string;
}

export interface CommentVerbs {
  listComments(pull: number): AsyncIterable<Comment>;
  createComment(pull: number, body: string): Promise<Comment>;
  updateComment(id: number, body: string): Promise<Comment>;
}

export function commentVerbs(client: Client): CommentVerbs {
  const { octokit, at } = client;
  const { issues } = octokit.rest;
  return {
    listComments: (issue_number) => listComments(client, issue_number),
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

function readComment(data: { id: number; body?: string; user: { login: string } | null }): Comment {
  return { id: data.id, author: data.user?.login ?? "", body: data.body ?? "" };
}
