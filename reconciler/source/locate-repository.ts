// Where the objects of a repository are: in its own folder on this machine, or in the mirror of a remote one.
import { resolve } from "node:path";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { currentToken, type Token } from "../token-source.ts";
import { findGitFolder, findRepositoryAround } from "./git/git-dir.ts";
import type { GitSetup } from "./git-setup.ts";
import { parseRepository } from "./git-url.ts";
import { mirrorGitDir } from "./mirror/mirror.ts";
import type { Mirror } from "./mirror/mirror-folder.ts";
import { Unavailable } from "./unavailable.ts";

export interface RepositoryOptions {
  readonly git: GitSetup;
  /** A URL, or the path of a repository on this machine. */
  readonly repo: string;
  /** Where mirrors of remote repositories are kept. */
  readonly mirrorFolder: string;
  readonly signal: AbortSignal;
  /** For https (and http on loopback); reaches git through its environment only. */
  readonly token?: Token;
}

export type RepositoryPlace =
  | { readonly kind: "local"; readonly repo: string; readonly gitDir: string }
  | { readonly kind: "remote"; readonly repo: string; readonly gitDir: string; readonly mirror: Mirror };

/** Throws {@link Unavailable} for an address that is refused, and for a folder that is no repository. */
export async function locateRepository(options: RepositoryOptions): Promise<RepositoryPlace> {
  const { git, signal, token } = options;
  const address = parseRepository(options.repo);
  switch (address.kind) {
    case "refused":
      throw new Unavailable("REPOSITORY_REFUSED", address.message);
    case "local": {
      const folder = resolve(address.path);
      return { kind: "local", repo: folder, gitDir: await localGitDir(folder) };
    }
    case "remote": {
      const { url, protocol } = address;
      const gitDir = mirrorGitDir(options.mirrorFolder, url);
      const remote = { url, protocol, ...(protocol === "ssh" ? {} : await tokenFor(token)) };
      return { kind: "remote", repo: url, gitDir, mirror: { git, gitDir, remote, signal } };
    }
  }
}

async function tokenFor(token: Token | undefined): Promise<{ token?: string }> {
  if (token === undefined) return {};
  try {
    return { token: await currentToken(token) };
  } catch (error) {
    if (error instanceof PermanentFailure) throw new Unavailable("REPOSITORY_AUTH", error.message, error);
    if (error instanceof TransientFailure) throw new Unavailable("REPOSITORY_UNREACHABLE", error.message, error);
    throw error;
  }
}

async function localGitDir(folder: string): Promise<string> {
  const found = await findGitFolder(folder);
  if (found !== undefined) return found.gitDir;
  const around = (await findRepositoryAround(folder))?.workTree;
  const mend =
    around === undefined
      ? "name a folder that holds `.git`, or a bare repository"
      : `it lies in the repository ${around}: name that one, and the folder with --path`;
  throw new Unavailable("REPOSITORY_UNREACHABLE", `${folder} is no git repository; ${mend}`);
}
