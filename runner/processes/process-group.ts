// A child process in a group of its own, that is ended as a group and does not outlive its parent. POSIX only.
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { PermanentFailure } from "../../contracts/failure.ts";

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
}

export interface ProcessGroup {
  readonly pid: number;
  readonly child: ChildProcessWithoutNullStreams;
  /** Signals every process of the group; false when none is left. */
  signal(signal: "SIGTERM" | "SIGKILL"): boolean;
  /** Settles when the first process has ended and the rest of its group has been killed. */
  readonly ended: Promise<ExitFacts>;
}

/** What is done where this process is killed: nobody else can do it then. */
export interface Aftermath {
  /** Removed, with what is in it. */
  readonly folder?: string;
  /** Ended and removed, by the client of its engine. */
  readonly container?: {
    readonly program: string;
    readonly env: Readonly<Record<string, string>>;
    readonly name: string;
  };
}

interface ExitFacts {
  readonly code: number | null;
  readonly signal: string | null;
}

/** How long the pipes may stay open after the end. */
const DRAIN_MS = 250;

/**
 * A server started by `sh -c` or `npx` is not our child but a grandchild: only the group reaches it. When this process
 * is killed, a watch that reads a pipe of ours to its end kills the group, so that servers that ignore the end of their
 * stdin are not left behind. (A process that leaves the group by `setsid` escapes both; only a sandbox can hold it.)
 */
export async function startGroup(command: Command, aftermath: Aftermath = {}): Promise<ProcessGroup> {
  const child = spawnDetached(command);
  const exited = new Promise<ExitFacts>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  const pid = await spawned(child, command);
  const watch = watchParent(pid, aftermath);
  return {
    pid,
    child,
    signal: (signal) => signalGroup(pid, signal),
    ended: exited.then(async (facts) => {
      signalGroup(pid, "SIGKILL");
      watch.kill("SIGKILL");
      await drained(child, closed);
      return facts;
    }),
  };
}

function spawnDetached({ command, args, cwd, env }: Command): ChildProcessWithoutNullStreams {
  try {
    return spawn(command, [...args], { cwd, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
  } catch (cause) {
    throw new PermanentFailure("COMMAND_NOT_STARTED", `command \`${command}\` cannot be started`, { cause });
  }
}

function spawned(child: ChildProcess, { command, cwd }: Command): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child.pid ?? 0));
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "ENOENT" ? `not found (in PATH, or from \`${cwd}\`)` : `not started: ${cause.code}`;
      reject(new PermanentFailure("COMMAND_NOT_STARTED", `command \`${command}\`: ${why}`, { cause }));
    });
  });
}

const WATCH =
  'read -r _; kill -s KILL -- "-$1"; [ -z "$3" ] || { "$3" kill "$4"; "$3" rm --force "$4"; }; [ -z "$2" ] || rm -rf -- "$2"';

/** A shell that does nothing but wait for the end of our pipe: 1 MB, and it needs no help from the watched command. */
function watchParent(pgid: number, { folder = "", container }: Aftermath): ChildProcess {
  const { program = "", name = "", env = {} } = container ?? {};
  const watch = spawn("/bin/sh", ["-c", WATCH, "countwheel-watch", String(pgid), folder, program, name], {
    stdio: ["pipe", "ignore", "ignore"],
    env,
    detached: true,
  });
  // Without a shell there is no watch; the end of stdin still reaches servers that behave.
  watch.on("error", () => undefined);
  watch.stdin?.on("error", () => undefined);
  watch.unref();
  return watch;
}

function signalGroup(pgid: number, signal: "SIGTERM" | "SIGKILL"): boolean {
  try {
    return process.kill(-pgid, signal);
  } catch {
    return false;
  }
}

/** The last output of an ended child is still in its pipes; a process that left the group may hold them open. */
async function drained(child: ChildProcessWithoutNullStreams, closed: Promise<void>): Promise<void> {
  const timer = setTimeout(() => destroyPipes(child), DRAIN_MS);
  await closed;
  clearTimeout(timer);
}

function destroyPipes(child: ChildProcessWithoutNullStreams): void {
  child.stdin.destroy();
  child.stdout.destroy();
  child.stderr.destroy();
}
