// The command line by which an engine runs a container: without rights, without a disk to write, bounded. No secret stands
// in it: values go through the environment of the engine's client.
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { isNetworkName, isProcessorCount, variableProblem } from "../../../contracts/container.ts";
import type { Command } from "../process-group.ts";
import type { Engine } from "./containers.ts";

/** What its manifest says of a container. */
export interface Contained {
  readonly image: string;
  /** For people who look at the engine: `dev.countwheel.tool` and `namespace/name`. */
  readonly label: { readonly key: string; readonly value: string };
  /** Absent: what the image was made to run. */
  readonly entrypoint?: string;
  readonly args: readonly string[];
  readonly network: string;
  readonly resources: Resources | undefined;
  readonly workingDir?: string;
  /** Not told to anybody but the container. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables that hold paths within it. */
  readonly paths?: Readonly<Record<string, string>>;
  readonly mounts?: readonly ReadonlyMount[];
}

interface Resources {
  readonly memory?: string;
  readonly cpus?: string;
  readonly pids_limit?: number;
}

interface ReadonlyMount {
  readonly from: string;
  readonly to: string;
}

const DEFAULT_MEMORY_BYTES = 1024 ** 3;
const DEFAULT_PROCESSES = 64;

/** Why it cannot be asked for, in a manifest's words; undefined: it can. */
export function containedProblem({ network, resources, env, paths = {} }: Contained): string | undefined {
  const { memory, cpus } = resources ?? {};
  if (!isNetworkName(network)) return `\`network: ${network}\` is none that a container may have`;
  if (memory !== undefined && parseByteSize(memory) === undefined) return `\`resources.memory: ${memory}\` is no size`;
  if (cpus !== undefined && !isProcessorCount(cpus)) return `\`resources.cpus: ${cpus}\` is no number of processors`;
  return [...Object.keys(env), ...Object.keys(paths)].map(variableProblem).find((why) => why !== undefined);
}

/** Its image is there already: nothing is pulled on the way. `name`: of the container. */
export function containerCommand(contained: Contained, engine: Engine, name: string): Command {
  const { image, label, entrypoint, network, workingDir, env, paths = {}, mounts = [] } = contained;
  const args = [
    "run",
    "--rm",
    "--interactive",
    "--pull",
    "never",
    "--name",
    name,
    "--label",
    `${label.key}=${label.value}`,
    "--network",
    network,
    "--read-only",
    "--tmpfs",
    "/tmp:rw,noexec,nosuid,size=64m",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    // What goes through its pipes is what tasks say: an engine would keep it in a log.
    "--log-driver",
    "none",
    ...bounds(contained),
    ...(workingDir === undefined ? [] : ["--workdir", workingDir]),
    ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
    ...Object.keys(env).flatMap((variable) => ["--env", variable]),
    ...Object.entries(paths).flatMap(([variable, path]) => ["--env", `${variable}=${path}`]),
    ...mounts.flatMap(({ from, to }) => ["--mount", `type=bind,src=${from},dst=${to},readonly`]),
    image,
    ...contained.args,
  ];
  return { command: engine.program, args, cwd: "/", env: { ...env, ...engine.env } };
}

function bounds({ resources }: Contained): readonly string[] {
  const { memory, cpus, pids_limit: processes = DEFAULT_PROCESSES } = resources ?? {};
  const bytes = (memory === undefined ? undefined : parseByteSize(memory)) ?? DEFAULT_MEMORY_BYTES;
  const ofTime = cpus === undefined ? [] : ["--cpus", cpus];
  return ["--memory", `${bytes}`, "--pids-limit", `${processes}`, ...ofTime];
}
