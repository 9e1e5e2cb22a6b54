// The container engine of this machine, Docker or Podman by its client: which one works, which images it may run, and that
// nothing of ours is left in it.
import { randomBytes } from "node:crypto";
import { isImageName } from "../../../contracts/container.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import { compilePattern, matchesPattern } from "../../../policies/names.ts";
import { findCommand } from "../find-command.ts";
import { hasGone, ownerName } from "../owner.ts";
import type { PrivateFiles } from "../private-files.ts";
import { askEngine } from "./engine-client.ts";
import { Images, type Pull } from "./images.ts";

export interface Engine {
  /** Absolute path of its client. */
  readonly program: string;
  /** What the client finds its engine by, and nothing else of the runner's. */
  readonly env: Readonly<Record<string, string>>;
}

export type Ready =
  | { readonly outcome: "ready"; readonly engine: Engine }
  /** `why`: and what to do, for people. */
  | { readonly outcome: "no-engine"; readonly why: string };

const CLIENTS = ["docker", "podman"] as const;
const CLIENT_VARIABLE =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|TMPDIR|XDG_(?:CONFIG_HOME|DATA_HOME|RUNTIME_DIR)|DOCKER_(?:HOST|CONTEXT|CONFIG|TLS_VERIFY|CERT_PATH|API_VERSION)|CONTAINER_HOST|CONTAINERS_(?:CONF|STORAGE_CONF|REGISTRIES_CONF)|SSH_AUTH_SOCK)$/u;
const PREFIX = "countwheel-";
const LIST = ["ps", "--all", "--filter", `name=${PREFIX}`, "--format", "{{.Names}}"];

export class Containers {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #allowedImages: readonly string[];
  readonly #images: Images;
  #found: Promise<Ready> | undefined;

  /** `allowedImages`: names of images in which `*` stands for any characters. Empty: none is run. */
  constructor(
    variables: Readonly<Record<string, string>>,
    allowedImages: readonly string[],
    privateFiles: PrivateFiles,
  ) {
    this.#variables = variables;
    this.#allowedImages = allowedImages;
    this.#images = new Images(privateFiles);
  }

  /**
   * An engine that holds the image: the first one that answers; what killed processes have left in it is removed then. Throws
   * PermanentFailure IMAGE_NOT_ALLOWED, what {@link Images.bring} throws, or the signal's reason.
   */
  async ready(pull: Pull, signal: AbortSignal): Promise<Ready> {
    this.#allow(pull.image);
    this.#found ??= this.#find();
    const found = await this.#found;
    // Looked for again after a failure: whoever installs one need not restart the runner.
    if (found.outcome === "no-engine") this.#found = undefined;
    else await this.#images.bring(found.engine, pull, signal);
    return found;
  }

  /** Nothing is pulled any more. What runs in the engine is ended by whoever has started it. */
  close(): Promise<void> {
    return this.#images.close();
  }

  /** The engine would not run it: it is looked for anew. */
  forget(image: string): void {
    this.#images.forget(image);
  }

  /** The name of a container of this process: what it has left can be told by it. */
  newName(): string {
    return `${PREFIX}${ownerName()}-${randomBytes(4).toString("hex")}`;
  }

  /** Ends and removes one, if it is there. Never throws: what is left is swept by a later process. */
  async remove(engine: Engine, name: string): Promise<void> {
    // Podman gives a container ten seconds to go, unless it is killed first.
    await askEngine(engine, ["kill", name]).catch(() => undefined);
    await askEngine(engine, ["rm", "--force", name]).catch(() => undefined);
  }

  #allow(image: string): void {
    if (!isImageName(image)) throw notAllowed(image, "it is no name of an image");
    if (this.#allowedImages.some((allowed) => matchesPattern(compilePattern(allowed), image))) return;
    const named = this.#allowedImages.length === 0 ? "no image" : `only ${this.#allowedImages.join(", ")}`;
    throw notAllowed(image, `this runner runs ${named} (--allow-image)`);
  }

  async #find(): Promise<Ready> {
    const env = Object.fromEntries(Object.entries(this.#variables).filter(([name]) => CLIENT_VARIABLE.test(name)));
    const tried: string[] = [];
    for (const command of CLIENTS) {
      const program = await findCommand(
        { command, env, cwd: "/" },
        { variables: env, cwd: "/", allowedCommands: null },
      ).catch(() => undefined);
      if (program === undefined) continue;
      const engine = { program, env };
      const listed = await askEngine(engine, LIST).catch(() => undefined);
      if (listed?.code === 0) {
        await this.#sweep(engine, listed.output.toString("utf8"));
        return { outcome: "ready", engine };
      }
      tried.push(`\`${command}\` has no engine that answers${listed === undefined ? "" : `: ${listed.complaint}`}`);
    }
    return { outcome: "no-engine", why: whyNone(tried) };
  }

  async #sweep(engine: Engine, names: string): Promise<void> {
    for (const name of names.split("\n")) {
      const owner = name.startsWith(PREFIX) ? name.slice(PREFIX.length, name.lastIndexOf("-")) : "";
      if (hasGone(owner)) await this.remove(engine, name);
    }
  }
}

function notAllowed(image: string, why: string): PermanentFailure {
  return new PermanentFailure("IMAGE_NOT_ALLOWED", `image \`${image}\` is not run: ${why}`);
}

function whyNone(tried: readonly string[]): string {
  const why = tried.length === 0 ? "neither `docker` nor `podman` is on the PATH of this runner" : tried.join("; ");
  return `container_unavailable: ${why}; install one and let the runner's user use it`;
}
