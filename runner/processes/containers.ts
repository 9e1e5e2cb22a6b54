// The container engine of this machine, Docker or Podman by its client: which one works, and that nothing of ours is left in it.
import { randomBytes } from "node:crypto";
import { PermanentFailure } from "../../contracts/failure.ts";
import { compilePattern, matchesPattern } from "../../policies/names.ts";
import { findCommand } from "./find-command.ts";
import { hasGone, ownerName } from "./owner.ts";
import { type Ran, runCommand } from "./run-command.ts";

export interface Engine {
  /** Absolute path of its client. */
  readonly program: string;
  /** What the client finds its engine by, and nothing else of the runner's. */
  readonly env: Readonly<Record<string, string>>;
}

const CLIENTS = ["docker", "podman"] as const;
const CLIENT_VARIABLE =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|TMPDIR|XDG_(?:CONFIG_HOME|DATA_HOME|RUNTIME_DIR)|DOCKER_(?:HOST|CONTEXT|CONFIG|TLS_VERIFY|CERT_PATH|API_VERSION)|CONTAINER_HOST|CONTAINERS_(?:CONF|STORAGE_CONF|REGISTRIES_CONF)|SSH_AUTH_SOCK)$/u;
/** Ours, whoever has made them. */
export const SERVER_LABEL = "dev.countwheel.server";
const PREFIX = "countwheel-";
const CLIENT_MS = 10_000;
const MAX_LIST_BYTES = 1024 * 1024;

export class Containers {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #allowedImages: readonly string[];
  #engine: Promise<Engine> | undefined;

  /** `allowedImages`: names of images in which `*` stands for any characters. Empty: none is run. */
  constructor(variables: Readonly<Record<string, string>>, allowedImages: readonly string[]) {
    this.#variables = variables;
    this.#allowedImages = allowedImages;
  }

  /** Throws PermanentFailure IMAGE_NOT_ALLOWED. */
  allow(image: string): void {
    if (!isImage(image)) throw notAllowed(image, "it is no name of an image");
    if (this.#allowedImages.some((allowed) => matchesPattern(compilePattern(allowed), image))) return;
    const named = this.#allowedImages.length === 0 ? "no image" : `only ${this.#allowedImages.join(", ")}`;
    throw notAllowed(image, `this runner runs ${named} (--allow-image)`);
  }

  /**
   * The first one that answers; what killed processes have left in it is removed then. Looked for again after a failure.
   * Throws PermanentFailure MCP_IMAGE_UNAVAILABLE.
   */
  find(): Promise<Engine> {
    this.#engine ??= this.#probe().catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }

  /** The name of a container of this process: what it has left can be told by it. */
  newName(): string {
    return `${PREFIX}${ownerName()}-${randomBytes(4).toString("hex")}`;
  }

  /** Ends and removes one, if it is there. Never throws: what is left is swept by a later process. */
  async remove({ program, env }: Engine, name: string): Promise<void> {
    // Podman gives a container ten seconds to go, unless it is killed first.
    await client(program, ["kill", name], env).catch(() => undefined);
    await client(program, ["rm", "--force", name], env).catch(() => undefined);
  }

  async #probe(): Promise<Engine> {
    const env = Object.fromEntries(Object.entries(this.#variables).filter(([name]) => CLIENT_VARIABLE.test(name)));
    const tried: string[] = [];
    for (const command of CLIENTS) {
      const program = await findCommand(
        { command, env, cwd: "/" },
        { variables: env, cwd: "/", allowedCommands: null },
      ).catch(() => undefined);
      if (program === undefined) continue;
      const listed = await client(program, LIST, env).catch(() => undefined);
      if (listed?.code === 0) return this.#swept({ program, env }, listed.output.toString("utf8"));
      tried.push(`\`${command}\` has no engine that answers${listed === undefined ? "" : `: ${listed.complaint}`}`);
    }
    throw unavailable(tried);
  }

  async #swept(engine: Engine, names: string): Promise<Engine> {
    for (const name of names.split("\n")) {
      const owner = name.startsWith(PREFIX) ? name.slice(PREFIX.length, name.lastIndexOf("-")) : "";
      if (hasGone(owner)) await this.remove(engine, name);
    }
    return engine;
  }
}

const LIST = ["ps", "--all", "--filter", `label=${SERVER_LABEL}`, "--format", "{{.Names}}"];

function client(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  const command = { command: program, args, cwd: "/", env };
  return runCommand({ command, output: "stdout", limitBytes: MAX_LIST_BYTES }, AbortSignal.timeout(CLIENT_MS));
}

const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}$/;
/** Podman takes these for places that an image is read from: files of this machine among them. */
const TRANSPORT =
  /^(?:docker|docker-archive|docker-daemon|oci|oci-archive|dir|containers-storage|ostree|sif|tarball|atomic):|:\//;

function isImage(text: string): boolean {
  return IMAGE.test(text) && !TRANSPORT.test(text);
}

function notAllowed(image: string, why: string): PermanentFailure {
  return new PermanentFailure("IMAGE_NOT_ALLOWED", `image \`${image}\` is not run: ${why}`);
}

function unavailable(tried: readonly string[]): PermanentFailure {
  const why = tried.length === 0 ? "neither `docker` nor `podman` is on the PATH of this runner" : tried.join("; ");
  const mend =
    "install one and let the runner's user use it, or give the server a `command`, or `transport: http` with an `endpoint`";
  return new PermanentFailure("MCP_IMAGE_UNAVAILABLE", `container_unavailable: ${why}; ${mend}`);
}
