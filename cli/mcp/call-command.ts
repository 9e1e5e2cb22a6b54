// Runs a command for a client of the MCP server, as a person would, and hands back what it wrote.
import { realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import type { OfferedResult } from "../../runner/offered/offered-tool.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, Output } from "../host.ts";
import { runWords } from "../run-words.ts";
import { type Args, type OfferedCommand, said } from "./offered-commands.ts";

export interface Called {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** `host`: the server's own, with its environment and Redis. */
export async function callCommand(
  host: Host,
  command: OfferedCommand,
  args: Args,
  stateFlags: readonly string[],
): Promise<OfferedResult> {
  const outside = await pathOutside(host.cwd, said(args, "path"));
  if (outside !== undefined) return { text: outside, isError: true };
  const { options, operands } = command.words(args);
  const format = said(args, "format") ?? command.formats[0] ?? "text";
  const flags = command.hasState ? stateFlags : [];
  return resultOf(
    await runCaptured(host, [command.name, `--output=${format}`, ...flags, ...options, "--", ...operands]),
  );
}

export async function runCaptured(host: Host, words: readonly string[]): Promise<Called> {
  const [stdout, stderr] = [new Captured(), new Captured()];
  const config = { ...host.config, color: false, noInput: true };
  const code = await runWords({ ...host, config, stdout, stderr, confirm: () => Promise.resolve(false) }, words);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** Changes, drift, problems and blocks are answers; what a person reads on stderr beside an answer comes along. */
export function resultOf({ code, stdout, stderr }: Called): OfferedResult {
  const answers: readonly ExitCode[] = [EXIT.ok, EXIT.changes, EXIT.invalid, EXIT.blocked];
  const isError = !answers.includes(code);
  const text = stdout === "" || isError ? [stdout, stderr].filter((part) => part !== "").join("\n") : stdout;
  return { text: text === "" ? `(nothing to say; exit code ${code})` : text, isError };
}

/** A client may look at what it was pointed to, and nowhere else on the disk. */
export async function pathOutside(cwd: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const refused = `PATH_REFUSED: \`${path}\` is not below the server's folder`;
  if (!isWithin(cwd, resolve(cwd, path))) return refused;
  const [root, real] = await Promise.all([realpath(cwd), realpath(resolve(cwd, path)).catch(() => undefined)]);
  return real === undefined || isWithin(root, real) ? undefined : refused;
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

class Captured implements Output {
  readonly isTTY = false;
  readonly columns = 120;
  text = "";

  write(text: string): void {
    this.text += text;
  }
}
