// Reads the manifests of one commit as Git objects: no checkout, so no hook, filter or link in the tree can act.
import type { GitSetup } from "./git-setup.ts";
import type { FilesAnswer } from "./source.ts";

export interface ReadCommitOptions {
  readonly git: GitSetup;
  /** A URL, or the path of a repository on this machine. */
  readonly repo: string;
  /** `main`, `refs/heads/main`, a tag, `HEAD`, a whole or abbreviated commit id. */
  readonly ref: string;
  /** A folder or file in the repository; `.` is its root. */
  readonly path: string;
  /** Where mirrors of remote repositories are kept. */
  readonly mirrorFolder: string;
  readonly signal: AbortSignal;
  /** For https (and http on loopback); reaches git through its environment only. */
  readonly token?: string;
}

export type ReadCommit = (options: ReadCommitOptions) => Promise<FilesAnswer>;
