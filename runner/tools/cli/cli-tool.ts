// Tools of type cli: a program, on the runner's machine or in a container, with arguments made from templates. No shell is
// involved.
import { constants } from "node:os";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { type Isolation, isolationOf } from "../../../contracts/isolation.ts";
import { boundAnswer } from "../../bound-text.ts";
import { type Ran, type Run, runCommand } from "../../processes/run-command.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { resultLimitOf, timeoutMsOf } from "../tool-facts.ts";
import { makeArgv } from "./argv.ts";
import { ENGINE_FAILED } from "./container.ts";
import { type Cli, type CliToolSource, type Prepared, prepareCommand } from "./prepare.ts";

/** An exit code other than 0 is the command's own complaint, which the model may read and act on. */
export async function callCliTool(
  source: CliToolSource,
  args: Readonly<Record<string, unknown>>,
  { idempotencyKey, signal, checkLease, keepBytes = 0 }: ToolCallContext,
): Promise<ToolAnswer> {
  signal.throwIfAborted();
  const { label, spec } = source;
  const cli = cliOf(source);
  const limitBytes = resultLimitOf(spec);
  const run = {
    output: cli.output ?? "stdout",
    limitBytes: Math.max(limitBytes, keepBytes),
    ...(cli.stdin_from_input === true ? { stdin: JSON.stringify(args) } : {}),
  };
  const timeoutMs = timeoutMsOf(spec.runtime?.timeout);
  const call = { args: argumentsOf(label, cli, args), idempotencyKey, timeoutMs };
  const late = AbortSignal.timeout(timeoutMs);
  const bounded = AbortSignal.any([signal, late]);
  let begun = false;
  try {
    const prepared = await prepareCommand(source, cli, call, bounded);
    signal.throwIfAborted();
    checkLease();
    begun = true;
    return resultOf(source, await runPrepared(prepared, run, bounded), { limitBytes, keepBytes });
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    const failure = new TransientFailure("TOOL_TIMEOUT", `${label} did not end within ${timeoutMs} ms, and was ended`);
    throw begun ? failure : withoutEffect(failure);
  }
}

async function runPrepared(
  { cleanUp, ...prepared }: Prepared,
  run: Pick<Run, "output" | "limitBytes" | "stdin">,
  signal: AbortSignal,
): Promise<Ran> {
  let ran: Ran | undefined;
  try {
    ran = await runCommand({ ...run, ...prepared }, signal);
    return ran;
  } finally {
    await cleanUp?.(ran);
  }
}

function cliOf({ label, spec }: CliToolSource): Cli {
  const { cli } = spec;
  if (cli !== undefined) return cli;
  throw new PermanentFailure("TOOL_INVALID", `${label}: a \`cli\` tool needs \`cli.command\``);
}

function argumentsOf(label: string, cli: Cli, args: Readonly<Record<string, unknown>>): readonly string[] {
  const argv = makeArgv(cli.args ?? [], args);
  switch (argv.outcome) {
    case "argv":
      return argv.args;
    case "invalid":
      throw new PermanentFailure("TOOL_INVALID", `${label}: ${argv.why}`);
    case "refused":
      throw new PermanentFailure("TOOL_ARGUMENTS_INVALID", `${label}: ${argv.why}`);
  }
}

interface Bounds {
  readonly limitBytes: number;
  readonly keepBytes: number;
}

function resultOf({ label, spec }: CliToolSource, ran: Ran, { limitBytes, keepBytes }: Bounds): ToolAnswer {
  const isolation = isolationOf(spec);
  const signal = ran.signal ?? signalWithin(isolation, ran.code);
  const said = ran.complaint === "" ? "" : `; it wrote last:\n${ran.complaint}`;
  if (signal !== undefined) {
    throw new TransientFailure("COMMAND_KILLED", `${label} was ended by ${signal}${said}`, { details: { signal } });
  }
  if (isolation === "container" && ran.code === ENGINE_FAILED) {
    throw new TransientFailure(
      "CONTAINER_FAILED",
      `the engine did not run the container of ${label}, or lost it${said}`,
    );
  }
  const read = boundAnswer(ran.output.toString("utf8"), limitBytes, ran.totalBytes, keepBytes);
  if (ran.code === 0) return { ...read, isError: false };
  const complaint = spec.cli?.output === undefined || spec.cli.output === "stdout" ? ran.complaint : "";
  const text = [`exit code ${ran.code}`, read.text, complaint].filter((part) => part !== "").join("\n");
  return { ...read, text, isError: true };
}

/** Of a process that a signal ended, bubblewrap and engines tell 128 and the signal's number. */
function signalWithin(isolation: Isolation, code: number | null): string | undefined {
  if ((isolation !== "sandboxed" && isolation !== "container") || code === null || code <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}
