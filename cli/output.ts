// Writes answers: JSON for programs, problems and failures for people. Text views live in cli/view.
import { styleText } from "node:util";
import { type FailureRecord, LeaseLost, PermanentFailure, TransientFailure } from "../contracts/failure.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Host, Output, OutputFormat } from "./host.ts";

export function printJson(host: Pick<Host, "stdout">, value: unknown): void {
  host.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** CONTRACT: lists answer `{formatVersion, items}`. */
export function printList(host: Pick<Host, "stdout">, items: readonly unknown[]): void {
  printJson(host, { formatVersion: "1", items });
}

/** One line for people. Goes to stderr, so that a pipe never sees it. */
export function say(host: Pick<Host, "stderr">, line: string): void {
  host.stderr.write(`${line}\n`);
}

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** Colours where the output is a terminal or FORCE_COLOR asks for them, and nothing where NO_COLOR forbids it. */
export function paintFor(output: Output, color: boolean | undefined): Paint {
  const colored = color ?? output.isTTY;
  return (style, text) => (colored ? styleText(style, text, { validateStream: false }) : text);
}

/** A failure as a value on stdout under `-o json`, as a line on stderr otherwise, and its exit code. */
export function printFailure(host: Pick<Host, "stdout" | "stderr">, output: OutputFormat, failure: Failure): ExitCode {
  if (output === "json" || output === "jsonl") {
    printJson(host, { error: { code: failure.code, message: failure.message, ...failure.details } });
  }
  host.stderr.write(`${failure.code}: ${failure.message}\n`);
  return failure.exitCode;
}

export interface Failure extends FailureRecord {
  readonly exitCode: ExitCode;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Wrong words on the command line. */
export class UsageFailure extends PermanentFailure {
  constructor(message: string) {
    super("USAGE", message);
  }
}

/** Somebody, or something, may not do this: exit 4. */
export class BlockedFailure extends PermanentFailure {}

/** Whatever a command threw, as what the user gets to see. Unknown things are bugs of ours: exit 70. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageFailure) return { ...known(error), exitCode: EXIT.usage };
  if (error instanceof BlockedFailure) return { ...known(error), exitCode: EXIT.blocked };
  if (error instanceof LeaseLost)
    return { code: error.code, message: error.message, exitCode: EXIT.stale, details: {} };
  if (error instanceof PermanentFailure || error instanceof TransientFailure) {
    return { ...known(error), exitCode: EXIT.failed };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    code: "BUG",
    message: `this is a bug of Countwheel, please report it\n${text}`,
    exitCode: EXIT.bug,
    details: {},
  };
}

function known(error: PermanentFailure | TransientFailure): Omit<Failure, "exitCode"> {
  return { code: error.code, message: error.message, details: error.details };
}
