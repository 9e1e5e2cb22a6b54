// Reads and writes the configuration file of one repository: that file alone, and nothing that the machine, the user or a
// pusher's command line adds to it.
import { join } from "node:path";
import { runGit } from "./git/process.ts";
import type { GitSetup } from "./git-setup.ts";
import { SOURCE_LIMITS } from "./limits.ts";
import { failWhereUnavailable, Unavailable } from "./unavailable.ts";

export interface ConfigFile {
  readonly git: GitSetup;
  /** The folder that holds `config`. */
  readonly gitDir: string;
  readonly signal: AbortSignal;
}

const CONFIG_BYTES = 1024 * 1024;

/** Names of variables in lower case, sections between as they are written: `receive.advertisepushoptions`. The last one counts. */
export async function readGitConfig(file: ConfigFile, pattern: string): Promise<ReadonlyMap<string, string>> {
  const listing = (await runConfig(file, ["--null", "--get-regexp", pattern])) ?? "";
  const entries = listing.split("\0").filter((entry) => entry !== "");
  return new Map(
    entries.map((entry) => {
      const end = entry.indexOf("\n");
      // A variable without a value is git's way to say true.
      return end === -1 ? [entry, "true"] : [entry.slice(0, end), entry.slice(end + 1)];
    }),
  );
}

export async function writeGitConfig(file: ConfigFile, name: string, value: string): Promise<void> {
  await runConfig(file, ["--replace-all", name, value]);
}

/** What is not there is gone already. */
export async function removeGitConfig(file: ConfigFile, name: string): Promise<void> {
  await runConfig(file, ["--unset-all", name], NOTHING_UNSET);
}

/** As `git config --unset-all` exits where there is no such variable. */
const NOTHING_UNSET = 5;
const NOTHING_FOUND = 1;

/** undefined: it found nothing. Throws PermanentFailure READ_FAILED. */
function runConfig(
  { git, gitDir, signal }: ConfigFile,
  args: readonly string[],
  fine: number = NOTHING_FOUND,
): Promise<string | undefined> {
  return failWhereUnavailable(async () => {
    const file = join(gitDir, "config");
    const exit = await runGit({
      git,
      gitDir,
      args: ["config", "--file", file, "--no-includes", ...args],
      timeoutMs: SOURCE_LIMITS.localMs,
      maxBytes: CONFIG_BYTES,
      signal,
    });
    if (exit.code === 0) return exit.stdout.toString("utf8");
    if (exit.code === fine) return undefined;
    throw new Unavailable("READ_FAILED", `${file} cannot be read or written (git: ${exit.stderr.trim()})`);
  });
}
