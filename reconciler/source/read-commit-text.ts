// Reads one file of a repository at a ref, as a Git object: nothing is checked out.
import { readCommitFacts } from "./git/commit-info.ts";
import { resolveLocalRef } from "./git/local-ref.ts";
import { readTextAt } from "./git/read-text.ts";
import { parseRef } from "./git/ref.ts";
import { locateRepository, type RepositoryOptions } from "./locate-repository.ts";
import { fetchRef } from "./mirror/mirror.ts";
import type { UnavailableReason } from "./source.ts";
import { answerUnavailable, Unavailable } from "./unavailable.ts";

export type CommitTextAnswer =
  /** `text` null: the commit has no such file. `sha`: the commit that the ref stood at. */
  | { readonly status: "ok"; readonly sha: string; readonly text: string | null }
  | { readonly status: "unavailable"; readonly reason: UnavailableReason };

export interface CommitTextOptions extends RepositoryOptions {
  readonly ref: string;
  readonly path: string;
  /** For people, such as `the settings`. */
  readonly what: string;
}

export function readCommitText(options: CommitTextOptions): Promise<CommitTextAnswer> {
  const { git, signal, ref, path, what } = options;
  return answerUnavailable(signal, async () => {
    const request = parseRef(ref);
    if (request.kind === "refused") throw new Unavailable("REF_NOT_FOUND", request.message);
    const place = await locateRepository(options);
    const objects = { git, gitDir: place.gitDir, repo: place.repo, signal };
    const { sha } =
      place.kind === "remote"
        ? await fetchRef(place.mirror, request, ref)
        : await resolveLocalRef(objects, request, ref);
    const { treeSha } = await readCommitFacts(objects, sha);
    const text = (await readTextAt(objects, place, { treeSha, path, what })) ?? null;
    return { status: "ok", sha, text };
  });
}
