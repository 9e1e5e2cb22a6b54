// How the command of a CLI tool is started: plainly, in a sandbox or in a container.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import { isolationOf, SANDBOX_NETWORKS } from "../../../contracts/isolation.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import type { Containers } from "../../processes/containers/containers.ts";
import { type CommandGround, findCommand } from "../../processes/find-command.ts";
import type { Ran, Run } from "../../processes/run-command.ts";
import type { Sandbox, Sandboxed } from "../../processes/sandbox.ts";
import type { Secrets } from "../../secrets/secrets.ts";
import { prepareContainer } from "./container.ts";
import { baseEnvironment, givenEnvironment } from "./environment.ts";

export interface CliGround extends CommandGround {
  readonly sandbox: Sandbox;
  readonly containers: Containers;
}

export interface CliToolSource {
  readonly namespace: string;
  /** For people: `Tool default/orders`. */
  readonly label: string;
  readonly spec: ToolSpec;
  readonly secrets: Secrets;
  readonly ground: CliGround;
}

export type Cli = NonNullable<ToolSpec["cli"]>;

/** One call's. */
export interface CliCall {
  readonly args: readonly string[];
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
}

/** A command that is about to be started. */
export interface Prepared extends Pick<Run, "command" | "aftermath" | "kill"> {
  /** Once it has ended; `ran` is undefined where it was ended. Never throws. */
  readonly cleanUp?: (ran: Ran | undefined) => Promise<void>;
}

const DEFAULT_MEMORY_BYTES = 1024 ** 3;
const DEFAULT_PROCESSES = 64;
const DISK_BYTES = 64 * 1024 * 1024;

/**
 * Ends with `signal`. Throws PermanentFailure: TOOL_INVALID, SANDBOX_UNAVAILABLE, COMMAND_NOT_ALLOWED, COMMAND_NOT_STARTED,
 * IMAGE_NOT_ALLOWED, IMAGE_LOGIN_INVALID; TransientFailure IMAGE_NOT_PULLED; or what a secret throws. Nothing has begun then.
 */
export async function prepareCommand(
  source: CliToolSource,
  cli: Cli,
  call: CliCall,
  signal: AbortSignal,
): Promise<Prepared> {
  const { label, spec } = source;
  const isolation = isolationOf(spec);
  switch (isolation) {
    case "none":
      return preparePlainly(source, cli, call);
    case "sandboxed":
      return prepareSandboxed(source, cli, call);
    case "container":
      return prepareContainer(source, cli, call, signal);
    case "wasm":
    case "kubernetes": {
      const why = `isolation_unavailable: this runner has no \`${isolation}\` for commands; there are \`container\`, \`sandboxed\` and \`none\``;
      throw new PermanentFailure("SANDBOX_UNAVAILABLE", `${label}: ${why}`);
    }
  }
}

async function preparePlainly(source: CliToolSource, cli: Cli, { args, idempotencyKey }: CliCall): Promise<Prepared> {
  const { ground } = source;
  const env = await environmentHere(source, cli, idempotencyKey);
  const cwd = (await workingDirOf(source, cli)) ?? ground.cwd;
  return { command: { command: await findCommand({ command: cli.command, env, cwd }, ground), args, cwd, env } };
}

async function prepareSandboxed(source: CliToolSource, cli: Cli, call: CliCall): Promise<Prepared> {
  const { ground } = source;
  const env = await environmentHere(source, cli, call.idempotencyKey);
  const workingDir = await workingDirOf(source, cli);
  const found = await findCommand({ command: cli.command, env, cwd: workingDir ?? ground.cwd }, ground);
  const start = { command: found, args: call.args, cwd: ground.cwd, env };
  return { command: await ground.sandbox.wrap(start, workingDir, sandboxedBy(source, cli, call.timeoutMs)) };
}

async function environmentHere(source: CliToolSource, cli: Cli, key: string): Promise<Record<string, string>> {
  return { ...baseEnvironment(source.ground.variables), ...(await givenEnvironment(source, cli, key)) };
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
