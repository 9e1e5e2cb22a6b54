// Whether the hooks of a bare repository still find what they start: for `doctor`.
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { HOOK_NAMES, programOf } from "./hook-files.ts";

export interface FoundHooks {
  readonly ours: readonly string[];
  /** What is wrong, in a few words each. */
  readonly broken: readonly string[];
}

/** `gitDir`: with its hooks in their usual folder. */
export async function findBrokenHooks(gitDir: string): Promise<FoundHooks> {
  const found = await Promise.all(
    HOOK_NAMES.map(async (name) => {
      const file = join(gitDir, "hooks", name);
      const program = await programOf(join(gitDir, "hooks"), name);
      if (program === undefined) return { ours: [], broken: [] };
      const missing = [
        ...((await can(program.node, constants.X_OK)) ? [] : [`${name} starts ${program.node}, which is not there`]),
        ...((await can(program.main, constants.R_OK)) ? [] : [`${name} starts ${program.main}, which is not there`]),
        ...((await can(file, constants.X_OK)) ? [] : [`git skips ${name}: it is not executable`]),
      ];
      return { ours: [name], broken: missing };
    }),
  );
  return { ours: found.flatMap(({ ours }) => ours), broken: found.flatMap(({ broken }) => broken) };
}

async function can(file: string, mode: number): Promise<boolean> {
  return await access(file, mode).then(
    () => true,
    () => false,
  );
}
