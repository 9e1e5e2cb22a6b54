// How the process of a stdio server is started: plainly, in a sandbox or from an image, with its environment and its secret files.
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { serverIsolationOf } from "../../../contracts/isolation.ts";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import { mountPlace } from "../../../contracts/mount-path.ts";
import { containedProblem, containerCommand } from "../../processes/containers/container-command.ts";
import type { Containers, Engine } from "../../processes/containers/containers.ts";
import { type CommandGround, findCommand } from "../../processes/find-command.ts";
import type { PrivateFiles, PrivateFolder } from "../../processes/private-files.ts";
import type { Aftermath, Command } from "../../processes/process-group.ts";
import type { Mount, Sandbox, Sandboxed } from "../../processes/sandbox.ts";
import type { Secrets } from "../../secrets/secrets.ts";
import { MCP_LIMITS } from "../limits.ts";
import { containerOfServer } from "./container.ts";

/** A process that is about to be started. */
export interface Launch {
  readonly command: Command;
  readonly aftermath: Aftermath;
  /** Once the process has ended, whatever ended it, and where it could not be started. Never throws. */
  readonly cleanUp: () => Promise<void>;
}

/** Of this machine: of its variables only BASE_VARIABLES are handed on, beside what the manifest names. */
export interface LaunchGround extends CommandGround {
  readonly sandbox: Sandbox;
  readonly privateFiles: PrivateFiles;
  readonly containers: Containers;
}

/** What the manifest gives to the server, secrets resolved. */
export interface Given {
  readonly env: Readonly<Record<string, string>>;
  /** Secrets that come as files: the variable then holds the path. */
  readonly files: readonly GivenFile[];
  /** For the registry of its image. */
  readonly login?: string;
}

interface GivenFile {
  readonly variable: string;
  readonly mountPath: string;
  readonly text: string;
}

const BASE_VARIABLES = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"] as const;
const DEFAULT_MEMORY_BYTES = 1024 ** 3;
const DEFAULT_PROCESSES = 64;
const DISK_BYTES = 64 * 1024 * 1024;

/** Throws what a secret throws. */
export async function readGiven(
  { env = [], image, image_pull_secret: pullSecret }: McpServerSpec,
  namespace: string,
  label: string,
  secrets: Secrets,
): Promise<Given> {
  const values: Record<string, string> = {};
  const files: GivenFile[] = [];
  for (const { name, value = "", secret_ref: reference, mount_path: mountPath } of env) {
    const text = reference === undefined ? value : await secrets.resolve(reference, namespace, label);
    if (mountPath === undefined) values[name] = text;
    else files.push({ variable: name, mountPath, text });
  }
  if (image === undefined || pullSecret === undefined) return { env: values, files };
  return { env: values, files, login: await secrets.resolve(pullSecret, namespace, label) };
}

/**
 * Throws PermanentFailure: MCP_INVALID, SANDBOX_UNAVAILABLE, COMMAND_NOT_ALLOWED, COMMAND_NOT_STARTED, IMAGE_NOT_ALLOWED,
 * MCP_IMAGE_UNAVAILABLE, IMAGE_LOGIN_INVALID; TransientFailure: IMAGE_NOT_PULLED. Nothing is left then.
 */
export async function launchServer(
  spec: McpServerSpec,
  label: string,
  given: Given,
  ground: LaunchGround,
): Promise<Launch> {
  const how = serverIsolationOf(spec);
  switch (how) {
    case "none":
      return launchPlainly(spec, label, given, ground);
    case "sandboxed":
      return launchInSandbox(spec, label, given, ground);
    case "container":
      return launchContainer(spec, label, given, ground);
    case "unknown": {
      const asked = spec.default_tool_runtime?.isolation_mode ?? "";
      const why = `isolation_unavailable: this runner has no \`${asked}\` for MCP servers; there are \`sandboxed\`, \`none\`, and an \`image\``;
      throw new PermanentFailure("SANDBOX_UNAVAILABLE", `${label}: ${why}`);
    }
  }
}

async function launchPlainly(
  { command = "", args = [] }: McpServerSpec,
  label: string,
  given: Given,
  ground: LaunchGround,
): Promise<Launch> {
  for (const { variable, mountPath } of given.files) {
    // A path on this machine that a manifest has chosen: nothing is written there.
    if (mountPath.includes("/")) throw exactPath(label, variable, mountPath);
  }
  const folder = await writeFiles(given, ground);
  try {
    const paths = given.files.map(({ variable, mountPath }, at) => [variable, `${folder?.path}/${at}/${mountPath}`]);
    const env = { ...baseEnvironment(ground.variables), ...given.env, ...Object.fromEntries(paths) };
    const { cwd } = ground;
    return launched({ command: await findCommand({ command, env, cwd }, ground), args, cwd, env }, folder);
  } catch (error) {
    await folder?.remove();
    throw error;
  }
}

async function launchInSandbox(
  spec: McpServerSpec,
  label: string,
  given: Given,
  ground: LaunchGround,
): Promise<Launch> {
  const { command = "", args = [] } = spec;
  const limits = limitsOf(spec, label);
  const folder = await writeFiles(given, ground);
  try {
    const mounts = given.files.map(
      ({ mountPath }, at): Mount => ({
        from: `${folder?.path}/${at}/${nameOf(mountPath)}`,
        to: mountPlace(mountPath),
      }),
    );
    const paths = given.files.map(({ variable, mountPath }) => [variable, mountPlace(mountPath)]);
    const env = { ...baseEnvironment(ground.variables), ...given.env, ...Object.fromEntries(paths) };
    const { cwd } = ground;
    const start = { command: await findCommand({ command, env, cwd }, ground), args, cwd, env };
    const how: Sandboxed = { limits, hasNetwork: spec.network === "host", mounts };
    return launched(await ground.sandbox.wrap(start, undefined, how), folder);
  } catch (error) {
    await folder?.remove();
    throw error;
  }
}

/** Its client is a child of ours, and ends with it; the container is the engine's, and is ended by its name. */
async function launchContainer(
  spec: McpServerSpec,
  label: string,
  given: Given,
  ground: LaunchGround,
): Promise<Launch> {
  const { containers } = ground;
  const engine = await engineFor(spec, given, containers);
  const folder = await writeFiles(given, ground, true);
  try {
    const files = given.files.map(({ mountPath }, at) => `${folder?.path}/${at}/${nameOf(mountPath)}`);
    const contained = containerOfServer(spec, label.replace("McpServer ", ""), given, files);
    const why = containedProblem(contained);
    if (why !== undefined) throw new PermanentFailure("MCP_INVALID", `${label}: ${why}`);
    const name = containers.newName();
    const { command, aftermath, cleanUp } = launched(containerCommand(contained, engine, name), folder);
    return {
      command,
      aftermath: { ...aftermath, container: { ...engine, name } },
      cleanUp: async () => {
        await containers.remove(engine, name);
        await cleanUp();
      },
    };
  } catch (error) {
    await folder?.remove();
    throw error;
  }
}

async function engineFor({ image = "" }: McpServerSpec, { login }: Given, containers: Containers): Promise<Engine> {
  const pull = { image, login: login === undefined ? undefined : () => Promise.resolve(login) };
  const late = AbortSignal.timeout(MCP_LIMITS.startMs);
  const found = await containers.ready(pull, late).catch((error: unknown) => {
    throw late.aborted && error === late.reason ? stillPulled(image) : error;
  });
  if (found.outcome === "ready") return found.engine;
  const mend = "or give the server a `command`, or `transport: http` with an `endpoint`";
  throw new PermanentFailure("MCP_IMAGE_UNAVAILABLE", `${found.why}, ${mend}`);
}

/** The pull goes on for whoever comes next. */
function stillPulled(image: string): TransientFailure {
  const text = `image \`${image}\` is still being pulled after ${MCP_LIMITS.startMs} ms`;
  return new TransientFailure("IMAGE_NOT_PULLED", text, { details: { effect: "none" } });
}

function limitsOf({ resources }: McpServerSpec, label: string): Sandboxed["limits"] {
  const memoryBytes = resources?.memory === undefined ? DEFAULT_MEMORY_BYTES : parseByteSize(resources.memory);
  if (memoryBytes === undefined)
    throw new PermanentFailure("MCP_INVALID", `${label}: \`resources.memory: ${resources?.memory}\` is no size`);
  return { memoryBytes, processes: resources?.pids_limit ?? DEFAULT_PROCESSES, diskBytes: DISK_BYTES };
}

/** `isForOthers`: an image has users of its own. */
async function writeFiles(
  { files }: Given,
  { privateFiles }: LaunchGround,
  isForOthers = false,
): Promise<PrivateFolder | undefined> {
  if (files.length === 0) return undefined;
  return privateFiles.write(
    files.map(({ mountPath, text }, at) => ({ name: `${at}/${nameOf(mountPath)}`, text, isForOthers })),
  );
}

function nameOf(mountPath: string): string {
  return mountPath.slice(mountPath.lastIndexOf("/") + 1);
}

function launched(command: Command, folder: PrivateFolder | undefined): Launch {
  return {
    command,
    aftermath: folder === undefined ? {} : { folder: folder.path },
    // What cannot be removed now is swept by a later process.
    cleanUp: async () => folder?.remove().catch(() => undefined),
  };
}

function baseEnvironment(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    BASE_VARIABLES.flatMap((name) => (variables[name] === undefined ? [] : [[name, variables[name]]])),
  );
}

function exactPath(label: string, variable: string, mountPath: string): PermanentFailure {
  const name = nameOf(mountPath);
  const how = `\`default_tool_runtime: {isolation_mode: sandboxed}\` or an \`image\` can give it, or \`mountPath: ${name}\`: then \`${variable}\` tells where the file is`;
  return new PermanentFailure(
    "MCP_INVALID",
    `${label}: \`mountPath: ${mountPath}\` would be a path of this machine; ${how}`,
  );
}
