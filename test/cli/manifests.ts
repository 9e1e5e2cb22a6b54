// A host that listens, in a folder of its own, for the commands about manifests.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { TEST_GIT } from "../git.ts";

export interface Listener {
  readonly host: Host;
  readonly told: { out: string; err: string };
  readonly remove: () => Promise<void>;
}

export async function listenIn(files: Readonly<Record<string, string>> = {}): Promise<Listener> {
  const cwd = await mkdtemp(join(tmpdir(), "countwheel-test-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(cwd, path)), { recursive: true });
    await writeFile(join(cwd, path), text);
  }
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
    config: readConfig({ PATH: TEST_GIT.path }).config,
    signal: new AbortController().signal,
    now: () => new Date(),
    confirm: async () => false,
  };
  return { host, told, remove: () => rm(cwd, { recursive: true }) };
}
