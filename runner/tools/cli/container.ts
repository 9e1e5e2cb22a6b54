// A CLI tool in a container of its own: its program instead of what the image would run, and nothing of the machine.
import { PermanentFailure } from "../../../contracts/failure.ts";
import { type Contained, containedProblem, containerCommand } from "../../processes/containers/container-command.ts";
import type { Engine } from "../../processes/containers/containers.ts";
import type { Ran } from "../../processes/run-command.ts";
import { givenEnvironment } from "./environment.ts";
import type { Cli, CliCall, CliToolSource, Prepared } from "./prepare.ts";

/** Of the clients of engines: they did not run the container, or lost it. A program may say it, too. */
export const ENGINE_FAILED = 125;

/** Its client is a child of ours, and ends with it; the container is the engine's, and is ended by its name. */
export async function prepareContainer(
  source: CliToolSource,
  cli: Cli,
  call: CliCall,
  signal: AbortSignal,
): Promise<Prepared> {
  const { containers } = source.ground;
  const contained = await containedOf(source, cli, call);
  const engine = await engineFor(source, cli, contained.image, signal);
  const name = containers.newName();
  let removing: Promise<void> | undefined;
  const remove = (): Promise<void> => (removing ??= containers.remove(engine, name));
  return {
    command: containerCommand(contained, engine, name),
    aftermath: { container: { ...engine, name } },
    kill: remove,
    cleanUp: async (ran) => {
      if (ran?.code === ENGINE_FAILED) containers.forget(contained.image);
      // One that has ended by itself the engine has removed.
      if (!hasEnded(ran)) await remove();
    },
  };
}

function hasEnded(ran: Ran | undefined): boolean {
  return ran !== undefined && ran.code !== null && ran.code !== ENGINE_FAILED;
}

async function containedOf(source: CliToolSource, cli: Cli, { args, idempotencyKey }: CliCall): Promise<Contained> {
  const { label } = source;
  const { image, command, network = "none", resources, working_dir: workingDir } = cli;
  if (image === undefined) throw invalid(label, "`isolation_mode: container` needs `cli.image`");
  if (workingDir !== undefined && !workingDir.startsWith("/"))
    throw invalid(label, `\`cli.working_dir: ${workingDir}\` is no path from the root of the image`);
  const contained = {
    image,
    label: { key: "dev.countwheel.tool", value: label.replace("Tool ", "") },
    entrypoint: command,
    args,
    network,
    resources,
    ...(workingDir === undefined ? {} : { workingDir }),
    env: await givenEnvironment(source, cli, idempotencyKey),
  };
  const why = containedProblem(contained);
  if (why !== undefined) throw invalid(label, why);
  return contained;
}

async function engineFor(
  { namespace, label, secrets, ground }: CliToolSource,
  { image_pull_secret: pullSecret }: Cli,
  image: string,
  signal: AbortSignal,
): Promise<Engine> {
  const login = pullSecret === undefined ? undefined : () => secrets.resolve(pullSecret, namespace, label);
  const found = await ground.containers.ready({ image, login }, signal);
  if (found.outcome === "ready") return found.engine;
  const mend = "or say `runtime.isolation_mode: sandboxed` without an image and let a reviewer see it";
  throw new PermanentFailure("SANDBOX_UNAVAILABLE", `${label}: ${found.why}, ${mend}`);
}

function invalid(label: string, why: string): PermanentFailure {
  return new PermanentFailure("TOOL_INVALID", `${label}: ${why}`);
}
