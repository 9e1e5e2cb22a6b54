// Runs a command in a bubblewrap sandbox: no network, nothing of the machine but its programs, and bounded.
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { PermanentFailure } from "../../contracts/failure.ts";
import { cutText } from "../bound-text.ts";
import { findCommand } from "./find-command.ts";
import type { Command } from "./process-group.ts";

export interface SandboxLimits {
  readonly memoryBytes: number;
  readonly processes: number;
  /** undefined: as long as it is needed. */
  readonly cpuSeconds?: number;
  /** Of the private /tmp, and of one file. */
  readonly diskBytes: number;
}

export interface Sandboxed {
  readonly limits: SandboxLimits;
  /** Whether it shares the machine's network. */
  readonly hasNetwork: boolean;
  /** Files that are seen elsewhere than where they are, and cannot be written. */
  readonly mounts?: readonly Mount[];
}

export interface Mount {
  readonly from: string;
  readonly to: string;
}

/**
 * Programs and what they need to start. The rest of the disk is not there: neither homes, nor sockets (a Redis, a Docker),
 * nor the runner's own folder.
 */
const SEEN = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/opt",
  "/nix/store",
  "/etc/ssl",
  "/etc/ca-certificates",
  "/etc/pki",
  "/etc/alternatives",
  "/etc/localtime",
  "/etc/mime.types",
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/passwd",
  "/etc/group",
  "/etc/nsswitch.conf",
] as const;
const SEEN_WITH_NETWORK = ["/etc/resolv.conf", "/etc/hosts"] as const;
const OPEN_FILES = 256;
const PROBE_MS = 5_000;

const run = promisify(execFile);

export class Sandbox {
  readonly #path: string;
  readonly #hidden: readonly string[];
  #bwrap: Promise<string> | undefined;

  /** `path`: where the runner's programs are. `hidden`: folders and files that no command sees, wherever it works. */
  constructor(path: string, hidden: readonly string[] = []) {
    this.#path = path;
    this.#hidden = hidden;
  }

  /**
   * The command that starts `command` in a sandbox of its own; `command.command` is an absolute path. `workingDir`
   * is seen, and cannot be written; without one the command starts in its private /tmp. Throws PermanentFailure
   * SANDBOX_UNAVAILABLE.
   */
  async wrap(command: Command, workingDir: string | undefined, how: Sandboxed): Promise<Command> {
    if (workingDir !== undefined && dirname(workingDir) === workingDir) throw wholeDisk(workingDir);
    const bwrap = await this.#find();
    const places = [...new Set([dirname(command.command), dirname(await realpath(command.command))])];
    const seen = workingDir === undefined ? places : [...places, workingDir];
    const args = [
      ...walls(how),
      ...seen.filter((place) => !isSeen(place)).flatMap((place) => ["--ro-bind", place, place]),
      ...this.#hiddenIn(seen),
      ...(how.mounts ?? []).flatMap(({ from, to }) => ["--ro-bind", from, to]),
      "--chdir",
      workingDir ?? "/tmp",
      "--",
      "prlimit",
      ...bounds(how.limits),
      "--",
      command.command,
      ...command.args,
    ];
    return { command: bwrap, args, cwd: command.cwd, env: { ...command.env, HOME: "/tmp" } };
  }

  /** A socket can be used through a file system that cannot be written: whoever sees a Redis can write to it. */
  #hiddenIn(seen: readonly string[]): readonly string[] {
    const places = this.#hidden.filter((place) => seen.some((outer) => isWithin(outer, place)));
    return places.flatMap((place) => {
      const found = statSync(place, { throwIfNoEntry: false });
      if (found === undefined) return [];
      return found.isDirectory() ? ["--tmpfs", place] : ["--ro-bind", "/dev/null", place];
    });
  }

  /** Looked for again after a failure: whoever installs it need not restart the runner. */
  #find(): Promise<string> {
    this.#bwrap ??= this.#probe().catch((error: unknown) => {
      this.#bwrap = undefined;
      throw error;
    });
    return this.#bwrap;
  }

  /** Tried for real: bubblewrap may be there, and the kernel not let anybody make namespaces. */
  async #probe(): Promise<string> {
    const env = { PATH: this.#path };
    const all = { cwd: "/", variables: env, allowedCommands: null };
    const tiny = { memoryBytes: 2 ** 30, processes: 16, cpuSeconds: 5, diskBytes: 2 ** 20 };
    try {
      const bwrap = await findCommand({ command: "bwrap", env, cwd: "/" }, all);
      const trial = ["--", "prlimit", ...bounds(tiny), "--", "true"];
      await run(bwrap, [...walls({ limits: tiny, hasNetwork: false }), ...trial], { env, timeout: PROBE_MS });
      return bwrap;
    } catch (cause) {
      throw unavailable(cause);
    }
  }
}

function walls({ limits, hasNetwork }: Sandboxed): string[] {
  const seen = hasNetwork ? [...SEEN, ...SEEN_WITH_NETWORK] : SEEN;
  return [
    "--unshare-all",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
    ...(hasNetwork ? ["--share-net"] : []),
    ...seen.flatMap((place) => ["--ro-bind-try", place, place]),
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--size",
    `${limits.diskBytes}`,
    "--tmpfs",
    "/tmp",
  ];
}

/** Data and not address space: interpreters reserve far more of that than they use. */
function bounds({ memoryBytes, processes, cpuSeconds, diskBytes }: SandboxLimits): string[] {
  return [
    `--data=${memoryBytes}`,
    `--nproc=${processes}`,
    ...(cpuSeconds === undefined ? [] : [`--cpu=${cpuSeconds}`]),
    `--fsize=${diskBytes}`,
    `--nofile=${OPEN_FILES}`,
    "--core=0",
  ];
}

function isSeen(place: string): boolean {
  return SEEN.some((seen) => isWithin(seen, place));
}

function isWithin(outer: string, place: string): boolean {
  return place === outer || place.startsWith(`${outer}/`);
}

function wholeDisk(path: string): PermanentFailure {
  return new PermanentFailure(
    "TOOL_INVALID",
    `\`cli.working_dir: ${path}\` would let a sandboxed command see the whole disk`,
  );
}

function unavailable(cause: unknown): PermanentFailure {
  const why =
    cause instanceof PermanentFailure
      ? "bubblewrap (`bwrap`) is not installed on this runner"
      : `bubblewrap does not work on this runner: ${quoteOf(cause)}`;
  const mend =
    "install it (Debian: apt-get install bubblewrap) and let users make namespaces, or say `runtime.isolation_mode: none` and let a reviewer see it";
  return new PermanentFailure("SANDBOX_UNAVAILABLE", `isolation_unavailable: ${why}; ${mend}`, { cause });
}

const QUOTED = 200;

function quoteOf(cause: unknown): string {
  const said = typeof cause === "object" && cause !== null && "stderr" in cause ? String(cause.stderr).trim() : "";
  return cutText(said === "" ? String(cause) : said, QUOTED);
}
