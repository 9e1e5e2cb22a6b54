// `doctor` says what is there, what is missing and how to mend it, and fails only where Countwheel cannot work.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runDoctor } from "../../cli/commands/doctor.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { closeRedis, connectRedis } from "../../store/connect.ts";
import { stopEmbedded } from "../../store/embedded/embedded.ts";
import { describeWithRedis, SEARCH, testRedis } from "../redis.ts";
import { applyAll, manifest, record } from "../runner/world.ts";
import { AGE_IDENTITY, BY_AGE, sealedValue } from "../sealed.ts";

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

  test("tells which sealed values of the environment it can open, and why not the others", async () => {
    const server = await testRedis();
    const redis = connectRedis(server.url, "command");
    const place = { namespace: "default", name: "db", key: "password" };
    const sealed = { password: await sealedValue(place, "x"), other: await sealedValue(place, "x"), bare: BY_AGE };
    await applyAll(redis, "default", [record(manifest("Secret", "db", { sealed, from: { bare: { env: "X" } } }))]);
    const checked = async (more: Readonly<Record<string, string>>) => {
      const { text } = await examine({ REDIS_URL: server.url, ...more }, "text");
      return text.split("\n").filter((line) => line.includes("sealed"));
    };
    expect(await checked({})).toEqual([
      expect.stringMatching(/^warn +sealed +Secret default\/db:password \(SECRET_IDENTITY_MISSING\): it is sealed/),
      expect.stringMatching(/^warn +sealed +Secret default\/db:other \(SECRET_IDENTITY_MISSING\)/),
    ]);
    expect(await checked({ COUNTWHEEL_AGE_IDENTITY: AGE_IDENTITY })).toEqual([
      expect.stringMatching(/^ok +sealed +1 sealed value opens here$/),
      expect.stringMatching(/^warn +sealed +Secret default\/db:other \(SECRET_SEALED_ELSEWHERE\)/),
    ]);
    await closeRedis(redis);
    await server.stop();
  });
});
