// Runs one git child: clean environment, a process group of its own, a deadline, bounded output. For commands that talk
// to a network or need stdin; simple-git's abort leaves `git-remote-https` behind and it has no stdin.
import { type ChildProcess, spawn } from "node:child_process";
import type { GitSetup } from "../git-setup.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Unavailable } from "../unavailable.ts";
import { gitEnvironment, type Remote, withoutToken } from "./environment.ts";

export interface GitCall {
  readonly git: GitSetup;
  readonly gitDir: string;
  readonly args: readonly string[];
  /** The one place that this child may talk to; none: it reads this machine only. */
  readonly remote?: Remote;
  readonly input?: string;
  /** Beyond the usual: what a helper of git needs, such as the key ring of gpg. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Takes the output as it comes, and none is kept. What it throws stops the child, and is thrown. */
  readonly onOutput?: (part: Buffer) => void;
  readonly signal: AbortSignal;
}

export interface GitExit {
  readonly code: number;
  readonly stdout: Buffer;
  /** Its end, without the token. */
  readonly stderr: string;
}

/**
 * Answers whatever the child exits with. Throws the signal's reason on abort, and {@link Unavailable} where git cannot be
 * started, takes too long or writes too much. What is stopped is stopped with all its children.
 */
export async function runGit(call: GitCall): Promise<GitExit> {
  call.signal.throwIfAborted();
  const deadline = AbortSignal.timeout(call.timeoutMs);
  const refusal = new AbortController();
  const stop = AbortSignal.any([call.signal, deadline, refusal.signal]);
  const exit = await spawnGit(call, stop, (reason) => refusal.abort(reason));
  call.signal.throwIfAborted();
  refusal.signal.throwIfAborted();
  if (deadline.aborted && exit.code !== 0) throw tooSlow(call);
  return exit;
}

function spawnGit(call: GitCall, stop: AbortSignal, refuse: (reason: unknown) => void): Promise<GitExit> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", [...call.args], {
      cwd: "/",
      env: { ...gitEnvironment(call.git, call.gitDir, call.remote), ...call.env },
      detached: true,
      stdio: "pipe",
    });
    const kill = (): void => killGroup(child);
    stop.addEventListener("abort", kill, { once: true });
    const stdout = collect(child.stdout, call, refuse);
    const stderr = collectEnd(child.stderr, SOURCE_LIMITS.stderrBytes);
    // A child that ends without reading its input closes the pipe: its exit tells why.
    child.stdin.on("error", () => undefined).end(call.input ?? "");
    child.on("error", (error) => {
      stop.removeEventListener("abort", kill);
      reject(notStarted(error));
    });
    child.on("close", (code) => {
      stop.removeEventListener("abort", kill);
      resolve({ code: code ?? 128, stdout: stdout(), stderr: withoutToken(stderr(), call.remote?.token) });
    });
  });
}

/** The child leads its own group, so helpers that it started (`git-remote-https`, `index-pack`) go with it. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}

/** `refuse` is told why no more is taken. */
function collect(stream: NodeJS.ReadableStream, call: GitCall, refuse: (reason: unknown) => void): () => Buffer {
  const parts: Buffer[] = [];
  const { onOutput = (part) => void parts.push(part) } = call;
  let size = 0;
  let isRefused = false;
  stream.on("data", (part: Buffer) => {
    if (isRefused) return;
    try {
      size += part.length;
      if (size > call.maxBytes) throw tooMuch(call);
      onOutput(part);
    } catch (reason) {
      isRefused = true;
      refuse(reason);
    }
  });
  return () => Buffer.concat(parts);
}

function collectEnd(stream: NodeJS.ReadableStream, maxBytes: number): () => string {
  let kept: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-maxBytes);
  });
  return () => kept.toString("utf8");
}

function notStarted(error: Error): Unavailable {
  const missing = "code" in error && error.code === "ENOENT";
  const message = missing
    ? "`git` is not on the PATH; install git 2.36 or later"
    : `git could not be started: ${error.message}`;
  return new Unavailable("READ_FAILED", message, error);
}

function tooMuch(call: GitCall): Unavailable {
  const mebibytes = Math.round(call.maxBytes / 1024 / 1024);
  return new Unavailable(
    "TOO_LARGE",
    `git ${call.args[0]} answered more than ${mebibytes} MiB; name a smaller folder with --path`,
  );
}

function tooSlow(call: GitCall): Unavailable {
  const seconds = Math.round(call.timeoutMs / 1000);
  const where = call.remote === undefined ? "" : ` from ${call.remote.url}`;
  const code = call.remote === undefined ? "READ_FAILED" : "REPOSITORY_UNREACHABLE";
  return new Unavailable(code, `git ${call.args[0]}${where} took longer than ${seconds} s and was stopped`);
}
