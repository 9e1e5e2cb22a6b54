// Where a ref stands now, without reading anything else: the cheap look that tells whether a tick has work.
import { findLocalRef } from "./git/local-ref.ts";
import { parseRef } from "./git/ref.ts";
import { findRemoteRef } from "./git/remote-refs.ts";
import { locateRepository, type RepositoryOptions } from "./locate-repository.ts";
import type { UnavailableReason } from "./source.ts";
import { answerUnavailable } from "./unavailable.ts";

export type RemoteHead =
  | { readonly status: "ok"; readonly ref: string; readonly sha: string }
  /** The repository answers, and has no such ref. `readCommit` tells the nearest name. */
  | { readonly status: "missing" }
  | { readonly status: "unavailable"; readonly reason: UnavailableReason };

export interface ReadRemoteHeadOptions extends RepositoryOptions {
  readonly ref: string;
}

/**
 * One `ls-remote`, or one look into a repository on this machine. A whole commit id of a remote repository comes back as
 * it is: only a fetch shows whether it exists there.
 */
export function readRemoteHead(options: ReadRemoteHeadOptions): Promise<RemoteHead> {
  return answerUnavailable(options.signal, async (): Promise<RemoteHead> => {
    const request = parseRef(options.ref);
    if (request.kind === "refused") return { status: "missing" };
    const { git, signal } = options;
    const place = await locateRepository(options);
    const found =
      place.kind === "local"
        ? await findLocalRef({ git, gitDir: place.gitDir, signal }, request)
        : await findRemoteRef(place.mirror, request);
    return found === undefined ? { status: "missing" } : { status: "ok", ...found };
  });
}
