// A host for commands that run in the tests' own process: what they print is kept.
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";

export interface Told {
  readonly host: Host;
  readonly out: () => string;
  readonly err: () => string;
}

/** `variables`: what the process environment of the command is. */
export function listen(cwd: string, variables: Readonly<Record<string, string>> = {}): Told {
  const told = { out: "", err: "" };
  const output = (name: "out" | "err") => ({
    isTTY: false,
    columns: 120,
    write: (text: string) => {
      told[name] += text;
    },
  });
  const host: Host = {
    stdout: output("out"),
    stderr: output("err"),
    cwd,
    config: readConfig(variables).config,
    signal: new AbortController().signal,
    now: () => new Date(),
    confirm: async () => false,
  };
  return { host, out: () => told.out, err: () => told.err };
}
