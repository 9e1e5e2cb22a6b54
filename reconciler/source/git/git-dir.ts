// Finds git's own folder of a repository on this machine by looking, without starting git.
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export interface GitFolder {
  /** What GIT_DIR is set to: of a linked working tree its own folder, with its own HEAD. */
  readonly gitDir: string;
  /** Where branches and objects are; the same but for linked working trees. */
  readonly commonDir: string;
  /** The working tree's root; undefined for a bare repository. */
  readonly workTree: string | undefined;
}

/** The repository whose root (or `.git`, or bare folder) is `folder`; undefined where that is none. */
export async function findGitFolder(folder: string): Promise<GitFolder | undefined> {
  const root = resolve(folder);
  const inside = await openGitDir(join(root, ".git"));
  if (inside !== undefined) return { ...inside, workTree: root };
  const bare = await openGitDir(root);
  if (bare === undefined) return undefined;
  return { ...bare, workTree: root.endsWith("/.git") ? dirname(root) : undefined };
}

/** The repository that `path` (a folder or a file) lies in: itself or the nearest folder above. */
export async function findRepositoryAround(path: string): Promise<GitFolder | undefined> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const found = await openGitDir(join(folder, ".git"));
    if (found !== undefined) return { ...found, workTree: folder };
    if (folder === dirname(folder)) return undefined;
  }
}

async function openGitDir(path: string): Promise<Omit<GitFolder, "workTree"> | undefined> {
  const gitDir = (await isFile(path)) ? await followGitFile(path) : path;
  if (gitDir === undefined || !(await isFile(join(gitDir, "HEAD")))) return undefined;
  const common = await readText(join(gitDir, "commondir"));
  const commonDir = common === undefined ? gitDir : resolve(gitDir, common.trim());
  const complete = (await isFolder(join(commonDir, "objects"))) && (await isFolder(join(commonDir, "refs")));
  return complete ? { gitDir, commonDir } : undefined;
}

/** `.git` of a linked working tree or a submodule is a file: `gitdir: <path>`. */
async function followGitFile(path: string): Promise<string | undefined> {
  const target = /^gitdir: (.+?)\r?\n?$/.exec((await readText(path)) ?? "")?.[1];
  return target === undefined ? undefined : resolve(dirname(path), target);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** Links are followed here: whoever named the repository named them too. */
async function isFile(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isFile() ?? false;
}

async function isFolder(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isDirectory() ?? false;
}

async function statIfThere(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}
