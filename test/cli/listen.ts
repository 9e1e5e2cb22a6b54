// A host for commands that run in the tests' own process: what they print is kept.
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";

export interface Told {
  readonly host: Host;
  readonly out: () => string;
  readonly err: () => string;
}

export function listen(cwd: string): Told {
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
    config: readConfig({}).config,
    signal: new AbortController().signal,
    now: () => new Date(),
    confirm: async () => false,
  };
  return { host, out: () => told.out, err: () => told.err };
}
