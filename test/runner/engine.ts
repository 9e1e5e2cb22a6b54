// A stand-in for a container engine: its clients on a PATH of their own, what was asked of them, and what is in it.
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const STAND_IN = join(import.meta.dirname, "../fixtures/containers/stand-in.mjs");

interface ClientCall {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
}

export interface StandInEngine {
  /** A PATH with the client of that name, and with nothing that another client may lie in. */
  pathOf(client: "docker" | "podman"): string;
  install(client: "docker" | "podman"): void;
  /** Names of its containers. */
  containers(): string[];
  calls(verb: string): ClientCall[];
  /** Images that it has to pull, each with the `auth` that whoever pulls it needs. */
  lacks(images: Readonly<Record<string, string>>): void;
}

/** `folder` holds its state. */
export function standInEngine(folder: string): StandInEngine {
  mkdirSync(join(folder, "containers"));
  const engine: StandInEngine = {
    pathOf: (client) => `${join(folder, client)}${delimiter}/bin`,
    install(client) {
      mkdirSync(join(folder, client));
      const program = join(folder, client, client);
      writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${STAND_IN}' '${folder}' "$@"\n`);
      chmodSync(program, 0o755);
    },
    containers: () => readdirSync(join(folder, "containers")),
    calls(verb) {
      const lines = readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
      return lines.map((line): ClientCall => JSON.parse(line)).filter(({ argv }) => argv[0] === verb);
    },
    lacks: (images) => writeFileSync(join(folder, "absent"), JSON.stringify(images)),
  };
  engine.install("docker");
  return engine;
}
