// The bare repository whose hooks a command is about, and the folder that git takes them from.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { PermanentFailure } from "../../contracts/failure.ts";
import { findGitFolder } from "../../reconciler/source/git/git-dir.ts";
import { parseRef } from "../../reconciler/source/git/ref.ts";
import { type ConfigFile, readGitConfig } from "../../reconciler/source/git-config.ts";
import type { Host } from "../host.ts";
import { UsageFailure } from "../output.ts";
import { shellWord } from "../plan-source.ts";

export interface BareRepository extends ConfigFile {
  /** Where git looks for hooks. */
  readonly hooksFolder: string;
}

/** Throws a UsageFailure for a folder that is no bare repository. */
export async function openBare(host: Host, repository: string): Promise<BareRepository> {
  const folder = resolve(host.cwd, repository);
  const found = await findGitFolder(folder);
  if (found === undefined)
    throw new UsageFailure(`${folder} is no git repository: \`git init --bare ${shellWord(repository)}\` makes one`);
  const { gitDir, commonDir, workTree } = found;
  const file = { git: { path: host.config.path }, gitDir, signal: host.signal };
  const isBare = (await readGitConfig(file, "^core\\.bare$")).get("core.bare") ?? "true";
  if (workTree !== undefined || gitDir !== commonDir || isBare !== "true") {
    const own = shellWord(folder.replace(/\/\.git$/, ""));
    const text = `${folder} has a working tree, and pushes go to bare repositories: \`git clone --bare ${own}\` makes one; \`countwheel reconcile --repo ${own}\` watches this one as it is`;
    throw new UsageFailure(text);
  }
  return { ...file, hooksFolder: await findHooks(host, gitDir) };
}

/** As git itself says it; what it says for every repository of the machine is none of ours to write into. */
async function findHooks({ config: { path, userHome } }: Host, gitDir: string): Promise<string> {
  const env = { PATH: path, ...(userHome === undefined ? {} : { HOME: userHome }) };
  const args = ["--git-dir", gitDir, "config", "--show-scope", "--type=path", "--get", "core.hooksPath"];
  // It exits with 1 where nothing is said: hooks are in their usual folder.
  const answer = await promisify(execFile)("git", args, { cwd: gitDir, env }).catch(() => undefined);
  const [scope, ...rest] = answer?.stdout.trim().split("\t") ?? [];
  const folder = rest.join("\t");
  if (scope === undefined || folder === "") return join(gitDir, "hooks");
  if (scope === "local") return resolve(gitDir, folder);
  const text = `git takes the hooks of all repositories from ${folder} here (core.hooksPath, ${scope}): \`git --git-dir ${shellWord(gitDir)} config core.hooksPath hooks\` gives this one its own`;
  throw new PermanentFailure("HOOKS_ELSEWHERE", text);
}

/** In full. `undefined`: the branch that HEAD names. */
export async function deployBranch({ gitDir }: BareRepository, ref: string | undefined): Promise<string> {
  if (ref === undefined) {
    const head = /^ref: (refs\/heads\/.+)$/m.exec(await readFile(join(gitDir, "HEAD"), "utf8"))?.[1];
    if (head !== undefined) return head;
    throw new UsageFailure(`HEAD of ${gitDir} names no branch: name the deploy branch with --ref`);
  }
  const request = parseRef(ref);
  if (request.kind === "refused") throw new UsageFailure(request.message);
  const [name] = request.kind === "names" ? request.names : [];
  if (name?.startsWith("refs/heads/")) return name;
  throw new UsageFailure(`\`${ref}\` is no branch, and only a branch can be deployed`);
}
