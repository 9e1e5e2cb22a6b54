// Tools of type cli: a program of the runner's machine with arguments made from templates. No shell is involved.
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { resolve } from "node:path";
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { isolationOf, SANDBOX_NETWORKS } from "../../../contracts/isolation.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { boundAnswer } from "../../bound-text.ts";
import { type CommandGround, findCommand } from "../../processes/find-command.ts";
import type { Command } from "../../processes/process-group.ts";
import { type Ran, runCommand } from "../../processes/run-command.ts";
import type { Sandbox, Sandboxed } from "../../processes/sandbox.ts";
import type { Secrets } from "../../secrets/secrets.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { resultLimitOf, timeoutMsOf } from "../tool-facts.ts";
import { makeArgv } from "./argv.ts";

export interface CliGround extends CommandGround {
  readonly sandbox: Sandbox;
}

export interface CliToolSource {
  readonly namespace: string;
  /** For people: `Tool default/orders`. */
  readonly label: string;
  readonly spec: ToolSpec;
  readonly secrets: Secrets;
  readonly ground: CliGround;
}

type Cli = NonNullable<ToolSpec["cli"]>;

/** Where the command finds the key of its call, the same for every try of it. */
const KEY_VARIABLE = "COUNTWHEEL_IDEMPOTENCY_KEY";
/** Of the runner's own environment: nothing of it is a secret. */
const BASE_VARIABLES = ["HOME", "LANG", "LOGNAME", "PATH", "TZ", "USER"] as const;
const DEFAULT_MEMORY_BYTES = 1024 ** 3;
const DEFAULT_PROCESSES = 64;
const DISK_BYTES = 64 * 1024 * 1024;

/** An exit code other than 0 is the command's own complaint, which the model may read and act on. */
export async function callCliTool(
  source: CliToolSource,
  args: Readonly<Record<string, unknown>>,
  { idempotencyKey, signal, checkLease, keepBytes = 0 }: ToolCallContext,
): Promise<ToolAnswer> {
  signal.throwIfAborted();
  const { label, spec } = source;
  const cli = cliOf(source);
  const argv = makeArgv(cli.args ?? [], args);
  if (argv.outcome === "invalid") throw new PermanentFailure("TOOL_INVALID", `${label}: ${argv.why}`);
  if (argv.outcome === "refused") throw new PermanentFailure("TOOL_ARGUMENTS_INVALID", `${label}: ${argv.why}`);
  const timeoutMs = timeoutMsOf(spec.runtime?.timeout);
  const command = await commandOf(source, cli, argv.args, { idempotencyKey, timeoutMs });
  const limitBytes = resultLimitOf(spec);
  const run = {
    command,
    output: cli.output ?? "stdout",
    limitBytes: Math.max(limitBytes, keepBytes),
    ...(cli.stdin_from_input === true ? { stdin: JSON.stringify(args) } : {}),
  };
  signal.throwIfAborted();
  checkLease();
  const late = AbortSignal.timeout(timeoutMs);
  try {
    return resultOf(source, await runCommand(run, AbortSignal.any([signal, late])), { limitBytes, keepBytes });
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    throw new TransientFailure("TOOL_TIMEOUT", `${label} did not end within ${timeoutMs} ms, and was ended`);
  }
}

function cliOf({ label, spec }: CliToolSource): Cli {
  const { cli } = spec;
  if (cli !== undefined) return cli;
  throw new PermanentFailure("TOOL_INVALID", `${label}: a \`cli\` tool needs \`cli.command\``);
}

interface Call {
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
}

async function commandOf(source: CliToolSource, cli: Cli, args: readonly string[], call: Call): Promise<Command> {
  const { label, spec, ground } = source;
  const isolation = isolationOf(spec);
  const env = await environmentOf(source, cli, call.idempotencyKey);
  const workingDir = await workingDirOf(source, cli);
  const cwd = workingDir ?? ground.cwd;
  switch (isolation) {
    case "none":
      return { command: await findCommand({ command: cli.command, env, cwd }, ground), args, cwd, env };
    case "sandboxed": {
      const found = await findCommand({ command: cli.command, env, cwd }, ground);
      const start = { command: found, args, cwd: ground.cwd, env };
      return ground.sandbox.wrap(start, workingDir, sandboxedBy(source, cli, call.timeoutMs));
    }
    case "container":
    case "wasm":
    case "kubernetes": {
      const why = `isolation_unavailable: this runner has no \`${isolation}\` for commands; there are \`sandboxed\` and \`none\``;
      throw new PermanentFailure("SANDBOX_UNAVAILABLE", `${label}: ${why}`);
    }
  }
}

async function workingDirOf({ label, ground }: CliToolSource, cli: Cli): Promise<string | undefined> {
  if (cli.working_dir === undefined) return undefined;
  const path = resolve(ground.cwd, cli.working_dir);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return path;
  throw new PermanentFailure("TOOL_INVALID", `${label}: \`cli.working_dir: ${path}\` is no folder on this runner`);
}

function sandboxedBy({ label }: CliToolSource, { network = "none", resources }: Cli, timeoutMs: number): Sandboxed {
  if (!SANDBOX_NETWORKS.includes(network)) {
    const why = `\`cli.network: ${network}\` is one of a container; a sandbox has ${SANDBOX_NETWORKS.join(" or ")}`;
    throw new PermanentFailure("TOOL_INVALID", `${label}: ${why}`);
  }
  const memoryBytes = resources?.memory === undefined ? DEFAULT_MEMORY_BYTES : parseByteSize(resources.memory);
  if (memoryBytes === undefined) {
    throw new PermanentFailure("TOOL_INVALID", `${label}: \`cli.resources.memory: ${resources?.memory}\` is no size`);
  }
  const limits = {
    memoryBytes,
    processes: resources?.pids_limit ?? DEFAULT_PROCESSES,
    cpuSeconds: Math.ceil(timeoutMs / 1_000) + 1,
    diskBytes: DISK_BYTES,
  };
  return { limits, hasNetwork: network === "host" };
}

async function environmentOf(
  { namespace, label, secrets, ground }: CliToolSource,
  { env = {}, env_from: from = [] }: Cli,
  idempotencyKey: string,
): Promise<Record<string, string>> {
  const base = BASE_VARIABLES.flatMap((name) => {
    const value = ground.variables[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const given: Record<string, string> = { ...Object.fromEntries(base), ...env };
  for (const { name, secret_ref: reference, key } of from) {
    const whole = key === undefined || reference.includes(":") ? reference : `${reference}:${key}`;
    given[name] = await secrets.resolve(whole, namespace, label);
  }
  return { ...given, [KEY_VARIABLE]: idempotencyKey };
}

interface Bounds {
  readonly limitBytes: number;
  readonly keepBytes: number;
}

function resultOf({ label, spec }: CliToolSource, ran: Ran, { limitBytes, keepBytes }: Bounds): ToolAnswer {
  const signal = ran.signal ?? signalOfSandbox(spec, ran.code);
  const said = ran.complaint === "" ? "" : `; it wrote last:\n${ran.complaint}`;
  if (signal !== undefined) {
    throw new TransientFailure("COMMAND_KILLED", `${label} was ended by ${signal}${said}`, { details: { signal } });
  }
  const read = boundAnswer(ran.output.toString("utf8"), limitBytes, ran.totalBytes, keepBytes);
  if (ran.code === 0) return { ...read, isError: false };
  const complaint = spec.cli?.output === undefined || spec.cli.output === "stdout" ? ran.complaint : "";
  const text = [`exit code ${ran.code}`, read.text, complaint].filter((part) => part !== "").join("\n");
  return { ...read, text, isError: true };
}

/** Of a process that a signal ended, bubblewrap tells 128 and the signal's number. */
function signalOfSandbox(spec: ToolSpec, code: number | null): string | undefined {
  if (isolationOf(spec) !== "sandboxed" || code === null || code <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}
