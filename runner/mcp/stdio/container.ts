// A stdio server from an image: the command line of its container. No secret stands in it.
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import { mountPlace } from "../../../contracts/mount-path.ts";
import { type Engine, SERVER_LABEL } from "../../processes/containers.ts";
import type { Command } from "../../processes/process-group.ts";
import type { Given } from "./launch.ts";

export interface ContainerPlace {
  readonly engine: Engine;
  /** Of the container. */
  readonly name: string;
  /** For people: `McpServer default/files`. */
  readonly label: string;
  /** Where the files of `given` are on this machine, in their order. */
  readonly files: readonly string[];
}

const DEFAULT_MEMORY_BYTES = 1024 ** 3;
const DEFAULT_PROCESSES = 64;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Values go through the environment of the client, which would heed these itself. */
const HEEDED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|NOTIFY_SOCKET|REGISTRY_AUTH_FILE|SSH_.*|LD_.*|DYLD_.*|DOCKER_.*|_?CONTAINERS?_.*|PODMAN_.*|BUILDAH_.*|STORAGE_.*|LISTEN_.*|XDG_.*|GO[A-Z]+|SSL_CERT_.*|(?:HTTPS?|NO|ALL|FTP)_PROXY)$/iu;

/** Throws PermanentFailure MCP_INVALID. */
export function containerCommand(spec: McpServerSpec, given: Given, place: ContainerPlace): Command {
  const { image = "", args = [], network = "none" } = spec;
  const { engine, name, label, files } = place;
  for (const variable of Object.keys(given.env)) checkVariable(variable, label);
  for (const { variable } of given.files) checkVariable(variable, label);
  const mounts = given.files.map(
    ({ mountPath }, at) => `type=bind,src=${files[at]},dst=${mountPlace(mountPath)},readonly`,
  );
  const paths = given.files.map(({ variable, mountPath }) => `${variable}=${mountPlace(mountPath)}`);
  const command = [
    "run",
    "--rm",
    "--interactive",
    "--name",
    name,
    "--label",
    `${SERVER_LABEL}=${label.replace("McpServer ", "")}`,
    "--network",
    network,
    "--read-only",
    "--tmpfs",
    "/tmp:rw,noexec,nosuid,size=64m",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    // What goes through its pipes are the messages of tasks: an engine would keep them in a log.
    "--log-driver",
    "none",
    ...bounds(spec, label),
    ...Object.keys(given.env).flatMap((variable) => ["--env", variable]),
    ...paths.flatMap((path) => ["--env", path]),
    ...mounts.flatMap((mount) => ["--mount", mount]),
    image,
    ...args,
  ];
  return { command: engine.program, args: command, cwd: "/", env: { ...given.env, ...engine.env } };
}

function bounds({ resources }: McpServerSpec, label: string): readonly string[] {
  const { memory, cpus, pids_limit: processes = DEFAULT_PROCESSES } = resources ?? {};
  const bytes = memory === undefined ? DEFAULT_MEMORY_BYTES : parseByteSize(memory);
  if (bytes === undefined) throw invalid(label, `\`resources.memory: ${memory}\` is no size`);
  if (cpus !== undefined && !/^[0-9]{1,4}(?:\.[0-9]{1,3})?$/.test(cpus))
    throw invalid(label, `\`resources.cpus: ${cpus}\` is no number of processors`);
  const ofTime = cpus === undefined ? [] : ["--cpus", cpus];
  return ["--memory", `${bytes}`, "--pids-limit", `${processes}`, ...ofTime];
}

function checkVariable(variable: string, label: string): void {
  if (!VARIABLE.test(variable)) throw invalid(label, `\`${variable}\` is no name of a variable`);
  if (HEEDED.test(variable))
    throw invalid(label, `the engine's client would heed \`${variable}\` itself; set it in the image, or by \`args\``);
}

function invalid(label: string, why: string): PermanentFailure {
  return new PermanentFailure("MCP_INVALID", `${label}: ${why}`);
}
