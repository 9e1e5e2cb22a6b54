// Builders for real repositories in temporary folders: nothing of the developer's own git configuration reaches them.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { GitSetup } from "../reconciler/source/git-setup.ts";

/** The setup that the code under test gets. */
export const TEST_GIT: GitSetup = { path: process.env["PATH"] ?? "/usr/bin:/bin" };

/** Text or bytes by path; null removes the file. */
export type TestFiles = Readonly<Record<string, string | Uint8Array | null>>;

export interface TestRepository {
  /** The working tree; git's own folder is `.git` in it. */
  readonly folder: string;
  /** A bare repository beside it, the remote `origin`. Empty until the first push. */
  readonly bare: string;
  /** Runs git in the working tree and answers stdout without its last newline. */
  git(...args: string[]): Promise<string>;
  write(files: TestFiles): Promise<void>;
  /** Writes the files, commits everything and answers the new commit's id. */
  commit(files: TestFiles, message?: string): Promise<string>;
  /** Pushes the branch (default `main`) to `bare`; further arguments go to git, such as `--force`. */
  push(...args: string[]): Promise<void>;
  /** Removes both. */
  remove(): Promise<void>;
}

/** A repository on branch `main`, with one commit where files are given, and its empty bare remote. */
export async function testRepository(files?: TestFiles): Promise<TestRepository> {
  // macOS links its temporary folder; git answers real paths.
  const root = await realpath(await mkdtemp(join(tmpdir(), "countwheel-git-")));
  const folder = join(root, "work");
  const bare = join(root, "remote.git");
  // Without a template, which is a dozen hooks that nothing here runs.
  await runGit(root, ["init", "--quiet", "--template=", "--bare", "--initial-branch=main", bare]);
  await runGit(root, ["init", "--quiet", "--template=", "--initial-branch=main", folder]);
  await runGit(folder, ["remote", "add", "origin", bare]);

  const git = (...args: string[]): Promise<string> => runGit(folder, args);
  const write = (changed: TestFiles): Promise<void> => writeFiles(folder, changed);
  const repository: TestRepository = {
    folder,
    bare,
    git,
    write,
    async commit(changed, message = "change") {
      await write(changed);
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "--message", message);
      return git("rev-parse", "HEAD");
    },
    async push(...args) {
      await git("push", "--quiet", ...args, "origin", "HEAD");
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
  if (files !== undefined) await repository.commit(files);
  return repository;
}

/** Runs git in any folder, with a clean environment and a fixed author. `input` goes to stdin. */
export function runGit(cwd: string, args: readonly string[], input?: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: CLEAN_ENVIRONMENT, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile("git", [...args], options, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`git ${args.join(" ")}: ${stderr || error.message}`));
      else resolve(stdout.replace(/\n$/, ""));
    });
    // git may end without reading its input; its exit tells whether that is an error.
    child.stdin?.on("error", () => undefined).end(input ?? "");
  });
}

const CLEAN_ENVIRONMENT = {
  PATH: TEST_GIT.path,
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ada Author",
  GIT_AUTHOR_EMAIL: "ada@example.test",
  GIT_AUTHOR_DATE: "2026-01-02T03:04:05Z",
  GIT_COMMITTER_NAME: "Carl Committer",
  GIT_COMMITTER_EMAIL: "carl@example.test",
  GIT_COMMITTER_DATE: "2026-01-02T03:04:05Z",
};

/** Text or bytes by path below a folder; null removes the file. */
export async function writeFiles(folder: string, files: TestFiles): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    if (content === null) {
      await rm(file, { force: true });
      continue;
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
