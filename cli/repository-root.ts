// Finds the folder that a command works for: the root of the Git work tree around it, else the folder itself.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Config, homeFolder } from "./config.ts";

export function repositoryRoot(cwd: string): string {
  let folder = resolve(cwd);
  while (!existsSync(join(folder, ".git"))) {
    const parent = dirname(folder);
    if (parent === folder) return resolve(cwd);
    folder = parent;
  }
  return folder;
}

/** COUNTWHEEL_HOME, else `.countwheel/` at the repository's root. */
export function countwheelHome(config: Config, cwd: string): string {
  return resolve(cwd, homeFolder(config, repositoryRoot(cwd)));
}
