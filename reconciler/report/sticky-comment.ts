// The sticky comment: one per environment and pull request, edited in place. Found by its marker and by its author.

import { markerValue } from "../plan/inert.ts";
import type { Comment, Github } from "./github.ts";
import { markerPrefix } from "./marker.ts";

export interface StickyComment {
  readonly pull: number;
  readonly env: string;
  /** The account that we write as: a marker in anybody else's comment is nothing to us. */
  readonly author: string;
}

export interface PutComment {
  readonly outcome: "created" | "edited" | "unchanged";
  readonly id: number;
}

/** Safe to repeat: after a lost answer the comment is found, not written again. `body` begins with the marker. */
export async function putStickyComment(github: Github, sticky: StickyComment, body: string): Promise<PutComment> {
  const found = await findStickyComment(github, sticky);
  if (found === undefined) return { outcome: "created", id: (await github.createComment(sticky.pull, body)).id };
  if (found.body === body) return { outcome: "unchanged", id: found.id };
  await github.updateComment(found.id, body);
  return { outcome: "edited", id: found.id };
}

async function findStickyComment(github: Github, { pull, env, author }: StickyComment): Promise<Comment | undefined> {
  const prefix = markerPrefix(markerValue(env));
  for await (const comment of github.listComments(pull)) {
    if (comment.author === author && comment.body.startsWith(prefix)) return comment;
  }
  return undefined;
}
