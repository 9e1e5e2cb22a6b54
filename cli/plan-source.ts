// Which source a command plans: a working tree, or a commit of a repository; and what reading it needs.
import { statSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import type { Plan } from "../contracts/plan.ts";
import type { SourceSpec, SourceTools } from "../reconciler/environment-source.ts";
import type { ShowFile } from "../reconciler/plan/render-problem.ts";
import { makePrivateFolder } from "../reconciler/private-folder.ts";
import { parseRepository } from "../reconciler/source/git-url.ts";
import type { Token } from "../reconciler/token-source.ts";
import { githubLogin } from "./github-login.ts";
import type { Host } from "./host.ts";
import { say, UsageFailure } from "./output.ts";
import { repositoryName } from "./reconcile/name-on-github.ts";
import { countwheelHome, repositoryRoot } from "./repository-root.ts";

export interface SourceFlags {
  readonly repo?: string;
  readonly ref?: string;
  readonly path?: string;
  /** The positional argument: a directory or file of a working tree. */
  readonly folder?: string;
}

export function sourceSpec(host: Host, { repo, ref, path, folder }: SourceFlags): SourceSpec {
  if (repo === undefined && ref === undefined) {
    if (path !== undefined) throw new UsageFailure("--path names a directory of a commit: add --repo or --ref");
    return folderSpec(resolve(host.cwd, folder ?? "."));
  }
  if (folder !== undefined)
    throw new UsageFailure("give a directory to plan it, or --repo and --ref to plan a commit, not both");
  return commitSpec(host, { repo, ref, path });
}

export function commitSpec(
  host: Host,
  { repo, ref, path }: { repo?: string | undefined; ref?: string | undefined; path?: string | undefined },
) {
  const named = repo === undefined ? repositoryRoot(host.cwd) : absoluteRepository(host, repo);
  return { kind: "commit", repo: named, ref: ref ?? "HEAD", path: path ?? "." } as const;
}

/** A directory is meant from where the user stands; a URL stays as it is. */
function absoluteRepository(host: Host, repo: string): string {
  return parseRepository(repo).kind === "local" ? resolve(host.cwd, repo) : repo;
}

/**
 * The plan names files from the root of the repository, wherever the user stands in it: as a plan of a commit does, and
 * with the same bytes. Outside of a repository the root is the folder itself. What people read is {@link fileFromHere}.
 */
function folderSpec(folder: string): SourceSpec {
  const root = repositoryRoot(folder);
  const isLoneFile = root === folder && statSync(folder, { throwIfNoEntry: false })?.isFile() === true;
  const shownAs = isLoneFile ? basename(folder) : withSlashes(relative(root, folder)) || ".";
  return { kind: "folder", folder, shownAs };
}

/** A file of a working tree as it opens from where the user stands; one of a commit stays as Git names it. */
export function fileFromHere(host: Pick<Host, "cwd">, spec: SourceSpec): ShowFile {
  if (spec.kind === "commit") return (file) => file;
  const root = resolve(spec.folder, relative(spec.shownAs, "."));
  return (file) => withSlashes(relative(host.cwd, resolve(root, file)));
}

function withSlashes(path: string): string {
  return path.split(sep).join("/");
}

/** The source that a plan was made of. */
export function specOfPlan({ repo, ref, path }: Plan["source"]): SourceSpec {
  if (ref !== null) return { kind: "commit", repo, ref, path };
  return { kind: "folder", folder: join(repo, path), shownAs: path };
}

export async function sourceTools(host: Host, spec: SourceSpec): Promise<SourceTools> {
  const { createLoader } = await import("../reconciler/load/load-files.ts");
  const { path, userHome } = host.config;
  const token = spec.kind === "commit" ? await tokenFor(host, spec.repo) : undefined;
  const home = countwheelHome(host.config, host.cwd);
  // A mirror will lie in it, and it often lies in somebody's repository. One that cannot be written is told by the mirror.
  if (spec.kind === "commit" && parseRepository(spec.repo).kind === "remote")
    await makePrivateFolder(home).catch(() => undefined);
  return {
    git: { path, ...(userHome === undefined ? {} : { home: userHome }) },
    mirrorFolder: join(home, "mirrors"),
    loader: createLoader({ cacheFolder: join(home, "parsed") }),
    onProblem: (message) => say(host, message),
    ...(token === undefined ? {} : { token }),
  };
}

/** The token is GitHub's: no other host gets to see it. */
async function tokenFor(host: Host, repo: string): Promise<Token | undefined> {
  const { token, app, apiUrl } = host.config.github;
  if ((token === undefined && app === undefined) || !URL.canParse(repo)) return undefined;
  const url = new URL(repo);
  const api = new URL(apiUrl).host;
  const known = api === "api.github.com" ? "github.com" : api;
  const isGithub = (url.protocol === "https:" || url.protocol === "http:") && url.host === known;
  const name = isGithub ? repositoryName(repo, undefined) : undefined;
  return name === undefined ? undefined : githubLogin(host, name);
}

/** The flags that name the same source again, for the command to run next. */
export function sourceWords(spec: SourceSpec, host: Host): string {
  if (spec.kind === "folder") return shellWord(relative(host.cwd, spec.folder) || ".");
  const path = spec.path === "." ? "" : ` --path ${shellWord(spec.path)}`;
  return `--repo ${shellWord(spec.repo)} --ref ${shellWord(spec.ref)}${path}`;
}

export function shellWord(text: string): string {
  return /^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
