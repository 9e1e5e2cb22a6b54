// The images of the container engine: each is pulled once for all that wait for it, where it is not there, with the login
// that its manifest names. The login lies in a private folder for as long as the client pulls, and in no argument.
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { cutText } from "../../bound-text.ts";
import { unlessAborted } from "../../unless-aborted.ts";
import type { PrivateFiles } from "../private-files.ts";
import type { Engine } from "./containers.ts";
import { askEngine } from "./engine-client.ts";
import { registryConfig } from "./registry-login.ts";

export interface Pull {
  readonly image: string;
  /** The value of `image_pull_secret`; asked for only where the image is not there. undefined: none is named. */
  readonly login: (() => Promise<string>) | undefined;
}

const PULL_MS = 10 * 60_000;
const QUOTED = 500;

export class Images {
  readonly #privateFiles: PrivateFiles;
  readonly #there = new Set<string>();
  readonly #pulling = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(privateFiles: PrivateFiles) {
    this.#privateFiles = privateFiles;
  }

  /**
   * Ends with `signal`, and then the pull goes on: whoever comes next finds it further on. Throws TransientFailure
   * IMAGE_NOT_PULLED, PermanentFailure IMAGE_LOGIN_INVALID, or what the Secret throws.
   */
  async bring(engine: Engine, pull: Pull, signal: AbortSignal): Promise<void> {
    if (this.#there.has(pull.image)) return;
    await unlessAborted(() => this.#once(engine, pull), signal);
  }

  /** The engine would not run it: whoever comes next looks whether it is still there. */
  forget(image: string): void {
    this.#there.delete(image);
  }

  /** Ends the pulls that nobody waits for any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#pulling.values());
  }

  #once(engine: Engine, pull: Pull): Promise<void> {
    const { image } = pull;
    const before = this.#pulling.get(image);
    if (before !== undefined) return before;
    const pulling = this.#bring(engine, pull).finally(() => this.#pulling.delete(image));
    this.#pulling.set(image, pulling);
    return pulling;
  }

  async #bring(engine: Engine, { image, login }: Pull): Promise<void> {
    const asked = askEngine(engine, ["image", "inspect", "--format", "{{.Id}}", image]);
    // An engine that does not even say so says why when it is asked to pull.
    const found = await asked.catch(() => undefined);
    if (found?.code !== 0) await (login === undefined ? this.#pull(engine, image) : this.#pullAs(engine, image, login));
    this.#there.add(image);
  }

  async #pullAs(engine: Engine, image: string, login: () => Promise<string>): Promise<void> {
    const config = registryConfig(await login(), image);
    if (config === undefined) throw noLogin(image);
    const folder = await this.#privateFiles.write([{ name: "config.json", text: config }]);
    try {
      const env = { ...(await envWithoutConfig(engine)), DOCKER_CONFIG: folder.path };
      await this.#pull(engine, image, { ...env, REGISTRY_AUTH_FILE: `${folder.path}/config.json` }, folder.path);
    } finally {
      // What cannot be removed now is swept by a later process.
      await folder.remove().catch(() => undefined);
    }
  }

  async #pull(engine: Engine, image: string, env = engine.env, folder?: string): Promise<void> {
    const aftermath = folder === undefined ? {} : { folder };
    const asked = askEngine(engine, ["pull", "--quiet", image], {
      env,
      timeoutMs: PULL_MS,
      aftermath,
      signal: this.#closing.signal,
    });
    const { code, complaint } = await asked.catch((cause: unknown) => {
      throw withoutEffect(new TransientFailure("IMAGE_NOT_PULLED", `image \`${image}\` was not pulled`, { cause }));
    });
    if (code === 0) return;
    const said =
      complaint.trim() === "" ? `the client ended with exit code ${code}` : cutText(complaint.trim(), QUOTED);
    const how = folder === undefined ? "; where its registry asks for a login, `image_pull_secret` names it" : "";
    throw withoutEffect(new TransientFailure("IMAGE_NOT_PULLED", `image \`${image}\` was not pulled: ${said}${how}`));
  }
}

/** Docker's client finds its engine by the folder that is about to be another one: the place is asked for before. */
async function envWithoutConfig(engine: Engine): Promise<Engine["env"]> {
  const { DOCKER_CONTEXT: _, ...env } = engine.env;
  const words = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"];
  // Podman has no contexts of this kind, and says so.
  const asked = await askEngine(engine, words).catch(() => undefined);
  const host = asked?.code === 0 ? asked.output.toString("utf8").trim() : "";
  return /^[a-z]+:\/\/\S+$/.test(host) ? { ...env, DOCKER_HOST: host } : env;
}

function noLogin(image: string): PermanentFailure {
  const forms = "`user:password`, or a `config.json` with `auths`, as `docker login` writes it";
  return new PermanentFailure(
    "IMAGE_LOGIN_INVALID",
    `the Secret of \`image_pull_secret\` for \`${image}\` is not ${forms}`,
  );
}
