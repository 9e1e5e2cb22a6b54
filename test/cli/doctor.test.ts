// `doctor` says what is there, what is missing and how to mend it, and fails only where Countwheel cannot work.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runDoctor } from "../../cli/commands/doctor.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { stopEmbedded } from "../../store/embedded/embedded.ts";
import { describeWithRedis, SEARCH } from "../redis.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cw-doctor-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function examine(more: Readonly<Record<string, string>>, output: "text" | "json" = "json") {
  let text = "";
  const stdout = { isTTY: false, columns: 80, write: (written: string) => void (text += written) };
  const host: Host = {
    stdout,
    stderr: { ...stdout, write: () => undefined },
    cwd: folder,
    config: readConfig({ COUNTWHEEL_HOME: folder, PATH: SEARCH.path, HOME: SEARCH.userHome, ...more }).config,
    signal: new AbortController().signal,
    now: () => new Date(),
    confirm: async () => false,
  };
  const code = await runDoctor(host, { env: "default", output, verbose: false });
  return { code, text };
}

test("fails with the reason where the Redis cannot be reached, and shows no password", async () => {
  const { code, text } = await examine({ REDIS_URL: "redis://u:hunter2@127.0.0.1:1" });
  expect(code).toBe(1);
  expect(text).not.toContain("hunter2");
  expect(JSON.parse(text)).toMatchObject({
    healthy: false,
    checks: expect.arrayContaining([
      expect.objectContaining({ name: "redis", status: "fail", found: "REDIS_UNAVAILABLE" }),
    ]),
  });
});

test("fails without git, and says what to install", async () => {
  const { code, text } = await examine({ PATH: "/nowhere", REDIS_URL: "redis://127.0.0.1:1" }, "text");
  expect(code).toBe(1);
  expect(text).toMatch(/^fail +git +not on the PATH: install git$/m);
});

test("fails where its home cannot be written", async () => {
  const { text } = await examine({ COUNTWHEEL_HOME: "/dev/null/home", REDIS_URL: "redis://127.0.0.1:1" });
  const { checks } = JSON.parse(text);
  expect(checks.find(({ name }: { name: string }) => name === "home")).toMatchObject({
    status: "fail",
    mend: expect.stringContaining("COUNTWHEEL_HOME"),
  });
});

describeWithRedis("doctor", () => {
  test("finds the embedded Redis well, and leaves none running that it had to start", async () => {
    const { code, text } = await examine({});
    expect(code).toBe(0);
    const { checks } = JSON.parse(text);
    expect(checks.find(({ name }: { name: string }) => name === "redis")).toMatchObject({
      status: "ok",
      found: expect.stringMatching(/embedded: .*noeviction, persistence aof, uses \d+(\.\d)? [kM]B/),
    });
    expect(await stopEmbedded(folder)).toBe("none");
  });
});
