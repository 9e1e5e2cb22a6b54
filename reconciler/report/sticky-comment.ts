// The sticky comment: one per environment and pull request, edited in place. Found by its marker and by its author.

import { markerValue } from "../plan/inert.ts";
import { isFailure } from "./github/client.ts";
import type { Comment } from "./github/comments.ts";
import type { Github } from "./github.ts";
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
  readonly author: string;
  /** By GitHub's clock. */
  readonly updatedAt: string;
  /** What stood there before, where it was searched for. */
  readonly before?: string;
}

/** A comment that we put there before. */
export type KnownComment = Pick<PutComment, "id" | "author">;

/**
 * Safe to repeat: after a lost answer the comment is found, not written again. `body` begins with the marker. One that is
 * known is edited without a search, and searched for where it is gone or somebody else's.
 */
export async function putStickyComment(
  github: Github,
  sticky: StickyComment,
  body: string,
  known: KnownComment | null = null,
): Promise<PutComment> {
  const { author } = sticky;
  const edited = known?.author === author ? await editKnown(github, known.id, body) : undefined;
  if (edited !== undefined) return { outcome: "edited", id: edited.id, author, updatedAt: edited.updatedAt };
  const found = await findStickyComment(github, sticky);
  if (found === undefined) {
    const { id, updatedAt } = await github.createComment(sticky.pull, body);
    return { outcome: "created", id, author, updatedAt };
  }
  const before = found.body;
  if (before === body) return { outcome: "unchanged", id: found.id, author, updatedAt: found.updatedAt, before };
  const { id, updatedAt } = await github.updateComment(found.id, body);
  return { outcome: "edited", id, author, updatedAt, before };
}

/** undefined: somebody deleted it. */
export async function editKnown(
  github: Pick<Github, "updateComment">,
  id: number,
  body: string,
): Promise<Comment | undefined> {
  try {
    return await github.updateComment(id, body);
  } catch (error) {
    if (isFailure(error, "GITHUB_NOT_FOUND")) return undefined;
    throw error;
  }
}

export async function findStickyComment(
  github: Github,
  { pull, env, author }: StickyComment,
): Promise<Comment | undefined> {
  const prefix = markerPrefix(markerValue(env));
  for await (const comment of github.listComments(pull)) {
    if (comment.author === author && comment.body.startsWith(prefix)) return comment;
  }
  return undefined;
}
