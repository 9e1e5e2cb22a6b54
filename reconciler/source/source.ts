// The three-valued source: what a repository or a folder answers. Unreadable is never empty.
import type { PlanSource } from "../../contracts/plan.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { DesiredSet, LoadResult, SourceFile } from "../load/desired-set.ts";

/** Facts about a commit, for people. */
export interface CommitInfo {
  readonly sha: string;
  readonly subject: string;
  readonly author: string;
  readonly committedAt: string;
}

/** Which commit or tree was read. `history` is told by the caller who knows what was applied before. */
export type SourceIdentity = Omit<PlanSource, "history"> & { readonly commit: CommitInfo | null };

export interface UnavailableReason {
  readonly code:
    | "REPOSITORY_REFUSED"
    | "REPOSITORY_UNREACHABLE"
    | "REPOSITORY_AUTH"
    | "REF_NOT_FOUND"
    | "PATH_NOT_FOUND"
    | "READ_FAILED"
    | "TOO_LARGE";
  /** Without credentials, with what to do. */
  readonly message: string;
}

/** Files of one commit, before they are parsed. `problems`: symlinks, submodules and names that cannot be read. */
export type FilesAnswer =
  | {
      readonly status: "ok";
      readonly identity: SourceIdentity;
      readonly files: readonly SourceFile[];
      /** Files of overlays, in the order in which their patches are applied. */
      readonly overlays?: readonly SourceFile[];
      readonly problems: readonly Problem[];
    }
  | { readonly status: "unavailable"; readonly reason: UnavailableReason };

/** Only `ok` may lead to a prune. `invalid` carries what could be read, to be shown, never to be applied. */
export type SourceAnswer =
  | { readonly status: "ok"; readonly identity: SourceIdentity; readonly set: DesiredSet; readonly load: LoadResult }
  | {
      readonly status: "invalid";
      readonly identity: SourceIdentity;
      readonly problems: readonly Problem[];
      readonly load: LoadResult;
    }
  | { readonly status: "unavailable"; readonly reason: UnavailableReason };
