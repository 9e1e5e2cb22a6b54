// Questions to a repository on this machine through simple-git: no network, no stdin, little output.
import { GitError, type SimpleGit, simpleGit } from "simple-git";
import type { GitSetup } from "../git-setup.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Unavailable } from "../unavailable.ts";
import { gitEnvironment } from "./environment.ts";
import { unavailableFromGit } from "./failure.ts";

export interface LocalRepository {
  readonly git: GitSetup;
  /** The folder that holds `objects` and `refs`. */
  readonly gitDir: string;
  readonly signal: AbortSignal;
}

/**
 * git's answer to one read-only command, without its last newline; undefined where it answers nothing or exits with 1: the
 * object or ref is not there. Every other exit is a repository that cannot be read, or a git that was killed, and throws
 * {@link Unavailable}. Values from outside stand behind `--end-of-options` or are object ids.
 */
export async function askGit(repository: LocalRepository, args: readonly string[]): Promise<string | undefined> {
  repository.signal.throwIfAborted();
  try {
    const answer = await inspect(repository).raw([...args]);
    return answer === "" ? undefined : answer.replace(/\n$/, "");
  } catch (error) {
    repository.signal.throwIfAborted();
    if (error instanceof Exited) throw unavailableFromGit(repository.gitDir, error.stderr);
    // What is left is git missing, or too slow.
    throw new Unavailable("READ_FAILED", `git ${args[0]} did not run to its end; is \`git\` on the PATH?`, error);
  }
}

/** What is no GitError, simple-git would wrap in one. */
class Exited extends GitError {
  readonly stderr: string;
  constructor(stderr: string) {
    super(undefined, stderr);
    this.stderr = stderr;
  }
}

const NOT_THERE = 1;

function inspect({ git, gitDir, signal }: LocalRepository): SimpleGit {
  const environment = gitEnvironment(git, gitDir);
  return simpleGit({
    baseDir: "/",
    abort: signal,
    timeout: { block: SOURCE_LIMITS.localMs },
    errors: (error, { exitCode, stdErr }) => {
      if (exitCode === NOT_THERE) return undefined;
      return exitCode === 0 ? error : new Exited(Buffer.concat(stdErr).toString("utf8"));
    },
    allowEnvironment: Object.keys(environment),
    // simple-git guards against values that come from elsewhere; these are the constants of environment.ts.
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeHooksPath: true,
      allowUnsafeProtocolOverride: true,
    },
  }).env(environment);
}
