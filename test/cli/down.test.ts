// `down` stops the embedded Redis of a directory, and says so where there is none.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runDown } from "../../cli/commands/down.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { ensureEmbedded } from "../../store/embedded/embedded.ts";
import { describeWithRedis, SEARCH } from "../redis.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cw-down-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function hostOf(written: string[]): Host {
  const output = { isTTY: false, columns: 80, write: (text: string) => void written.push(text) };
  return {
    stdout: output,
    stderr: { ...output, write: () => undefined },
    cwd: folder,
    config: readConfig({ COUNTWHEEL_HOME: folder }).config,
    signal: new AbortController().signal,
    now: () => new Date(),
    confirm: async () => false,
  };
}

test("says that none runs", async () => {
  const written: string[] = [];
  expect(await runDown(hostOf(written), { output: "text" })).toBe(0);
  expect(written.join("")).toBe(`No Redis of ${folder} is running\n`);
});

describeWithRedis("down", () => {
  test("stops the one that runs", async () => {
    await ensureEmbedded({ ...SEARCH, home: folder, say: () => undefined });
    const written: string[] = [];
    await runDown(hostOf(written), { output: "json" });
    await runDown(hostOf(written), { output: "json" });
    expect(written.map((text) => JSON.parse(text).outcome)).toEqual(["stopped", "none"]);
  });
});
