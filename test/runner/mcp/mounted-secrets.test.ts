// Secrets that a server gets as files: where they are, who may read them, and that nothing of them is left in any end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { hasGone, ownerName } from "../../../runner/processes/owner.ts";
import { PrivateFiles } from "../../../runner/processes/private-files.ts";
import { Sandbox } from "../../../runner/processes/sandbox.ts";
import { describeWithSandbox, SANDBOX_PATH } from "../../bwrap.ts";
import {
  allGone,
  hostileSpec,
  makeLog,
  never,
  planFor,
  type ServerLog,
  secretsWith,
  serverSpec,
  startHost,
} from "./servers.ts";

const SECRET = "mounted-canary-3c91";
const PLACE = "/dev/shm";

let log: ServerLog;
let supervisor: McpSupervisor;
beforeEach(async () => {
  log = await makeLog();
  supervisor = new McpSupervisor();
});
afterEach(async () => {
  await supervisor.close();
  await allGone(log);
  await log.remove();
  await expect.poll(() => left()).toEqual([]);
});

/** Of this process: tests of others run beside it. */
const left = (owner = ownerName()): string[] => readdirSync(PLACE).filter((name) => name.includes(owner));

const mounted = (path: string) => ({ env: [{ name: "TOKEN_FILE", secret_ref: "token", mount_path: path }] });

const acquire = async (spec: McpServerSpec) =>
  supervisor.acquire(await planFor(spec, secretsWith({ token: SECRET })), never());

async function ask(spec: McpServerSpec, text: string) {
  const handle = await acquire(spec);
  const answer = await handle.call("echo_text", { text }, { timeoutMs: 10_000, idempotencyKey: "k", signal: never() });
  return JSON.parse(answer.text);
}

test("lies in memory, in a folder of its own that only this user may enter, and the variable tells where", async () => {
  const told = await ask(hostileSpec("files", log.path, mounted("token.json")), "TOKEN_FILE");
  expect(told).toMatchObject({ text: SECRET, mode: "400" });
  expect(told.path).toMatch(new RegExp(`^${PLACE}/countwheel-secrets-${ownerName()}-[^/]{6}/0/token\\.json$`));
  expect(statSync(dirname(dirname(told.path))).mode & 0o777).toBe(0o700);
  const [pid = 0] = await log.pids();
  expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain(SECRET);
});

test.each([
  ["a server that exits in its start", "exit-in-start", {}, "MCP_CLOSED"],
  ["a program that is not there", "normal", { command: "/nowhere/server", args: [] }, "COMMAND_NOT_STARTED"],
  ["a kind of isolation that is not there", "normal", { default_tool_runtime: { isolation_mode: "wasm" } }, "SANDBOX_"],
  ["an exact path without a sandbox", "normal", mounted("/secrets/token"), "MCP_INVALID"],
])("nothing is left of %s", async (_what, mode, more, code) => {
  const spec = hostileSpec(mode, log.path, { ...mounted("token"), reconnect: { max_attempts: 1 }, ...more });
  await expect(acquire(spec)).rejects.toMatchObject({ code: expect.stringContaining(code) });
  await expect.poll(() => left()).toEqual([]);
});

test("says what can give an exact path, and writes nothing to it", async () => {
  await expect(acquire(hostileSpec("normal", log.path, mounted("/secrets/token")))).rejects.toThrow(
    "`mountPath: /secrets/token` would be a path of this machine; `default_tool_runtime: {isolation_mode: sandboxed}` or an `image` can give it, or `mountPath: token`: then `TOKEN_FILE` tells where the file is",
  );
  expect(await log.lines()).toEqual([]);
});

test("is gone once its server was killed", async () => {
  await acquire(hostileSpec("stubborn", log.path, mounted("token")));
  expect(left()).toHaveLength(1);
  const [pid = 0] = await log.pids();
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => left().length === 0, { timeout: 5_000, interval: 10 });
});

test("is gone once the runner itself was killed", async () => {
  const host = await startHost(hostileSpec("normal", log.path, mounted("token")));
  const ofHost = (): string[] => left(`-${host.pid}-`);
  expect(ofHost()).toHaveLength(1);
  host.kill("SIGKILL");
  await vi.waitUntil(() => ofHost().length === 0, { timeout: 5_000, interval: 10 });
  await allGone(log);
});

test("is swept by a later process, if its own has ended for sure", async () => {
  const [host = "", , start = ""] = ownerName().split("-");
  const ended = spawn("true");
  await once(ended, "exit");
  const owners = [`${host}-${ended.pid}-${start}`, `${host}-${process.pid}-1`, `${host.replaceAll(/./g, "0")}-1-1`];
  const folders = [...owners, ownerName()].map((owner) => join(PLACE, `countwheel-secrets-${owner}-abc123`));
  for (const folder of folders) mkdirSync(join(folder, "0"), { recursive: true });
  await new PrivateFiles(undefined).sweep();
  const there = readdirSync(PLACE);
  expect(folders.map((folder) => there.includes(folder.slice(PLACE.length + 1)))).toEqual([false, false, true, true]);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  expect([hasGone(ownerName()), hasGone("what")]).toEqual([false, false]);
});

describeWithSandbox("in a sandbox", () => {
  /** The server as a program in a folder of its own, which is all of the disk that it brings. */
  function sandboxed(path: string, more: Readonly<Record<string, unknown>> = {}): McpServerSpec {
    const folder = join(dirname(log.path), "bin");
    mkdirSync(folder, { recursive: true });
    const source = readFileSync(new URL("../../fixtures/mcp/hostile-server.mjs", import.meta.url), "utf8");
    writeFileSync(join(folder, "server.mjs"), `#!/usr/bin/env node\n${source}`);
    chmodSync(join(folder, "server.mjs"), 0o755);
    const env = [...mounted(path).env, { name: "PATH", value: SANDBOX_PATH }];
    const runtime = { default_tool_runtime: { isolation_mode: "sandboxed" } };
    return serverSpec({ command: join(folder, "server.mjs"), args: ["files"], env, ...runtime, ...more });
  }

  test.each([
    ["/secrets/gcp/token.json", "/secrets/gcp/token.json"],
    ["token.json", "/run/secrets/token.json"],
  ])("`mountPath: %s` is exactly there, and cannot be written", async (path, seen) => {
    expect(await ask(sandboxed(path), "TOKEN_FILE")).toEqual({
      path: seen,
      text: SECRET,
      mode: "400",
      writes: "EROFS",
    });
    expect(left()).toHaveLength(1);
    await supervisor.close();
    expect(left()).toEqual([]);
  });

  test("it sees nothing of the machine's network, unless its manifest says `host`", async () => {
    const interfaces = async (more: Readonly<Record<string, unknown>>): Promise<string[]> => {
      const { text } = await ask(sandboxed("token", more), "/proc/net/dev");
      return (
        String(text)
          .match(/^ *\w+(?=:)/gm)
          ?.map((name) => name.trim()) ?? []
      );
    };
    expect(await interfaces({})).toEqual(["lo"]);
    const own = readFileSync("/proc/net/dev", "utf8").match(/^ *\w+(?=:)/gm)?.length;
    expect(await interfaces({ network: "host" })).toHaveLength(own ?? 0);
  });

  test("its memory, and nothing of its time, is bounded", async () => {
    const { text } = await ask(sandboxed("token", { resources: { memory: "300m" } }), "/proc/self/limits");
    expect(text).toMatch(/^Max data size +314572800 /m);
    expect(text).toMatch(/^Max cpu time +unlimited /m);
  });

  test("where there is none, the server does not start without", async () => {
    const nowhere = { sandbox: new Sandbox("/nowhere") };
    const plan = await planFor(sandboxed("token"), secretsWith({ token: SECRET }), nowhere);
    await expect(supervisor.acquire(plan, never())).rejects.toMatchObject({ code: "SANDBOX_UNAVAILABLE" });
    expect(await log.lines()).toEqual([]);
  });
});
