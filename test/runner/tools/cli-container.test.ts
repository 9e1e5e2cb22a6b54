// CLI tools in containers: how the engine is asked, what is never asked of it, and that no call leaves anything in it. The
// engine is a stand-in; a real one is asked in cli-podman.test.ts.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LeaseLost } from "../../../contracts/failure.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { ownerName } from "../../../runner/processes/owner.ts";
import { callCliTool } from "../../../runner/tools/cli/cli-tool.ts";
import { childProgram } from "../../children.ts";
import { type StandInEngine, standInEngine } from "../engine.ts";
import { GROUND, isAlive, never, secretsWith } from "../mcp/servers.ts";

const IMAGE = "ghcr.io/acme/orders:2";
const TOKEN = "token-canary-91f2";

let folder: string;
let engine: StandInEngine;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cw-contained-"));
  engine = standInEngine(folder);
});
afterEach(async () => {
  await expect.poll(() => engine.containers()).toEqual([]);
  expect(readdirSync("/dev/shm").filter((name) => name.includes(ownerName()))).toEqual([]);
  rmSync(folder, { recursive: true });
});

interface Circumstances {
  readonly allowed?: readonly string[];
  readonly path?: string;
  readonly runtime?: NonNullable<ToolSpec["runtime"]>;
  readonly signal?: AbortSignal;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly containers?: Containers;
}

function engineOf({ allowed = [IMAGE], path = engine.pathOf("docker") }: Circumstances = {}): Containers {
  return new Containers({ PATH: path, CANARY: "must not be seen" }, allowed, GROUND.privateFiles);
}

function call(cli: Partial<NonNullable<ToolSpec["cli"]>>, args = {}, more: Circumstances = {}) {
  const { runtime, signal = never(), secrets = {}, containers = engineOf(more) } = more;
  const source = {
    namespace: "default",
    label: "Tool default/orders",
    spec: {
      type: "cli",
      cli: { command: "/bin/sh", image: IMAGE, ...cli },
      ...(runtime === undefined ? {} : { runtime }),
    } as const,
    secrets: secretsWith({ "keys:token": TOKEN, ...secrets }),
    ground: { ...GROUND, containers },
  };
  return callCliTool(source, args, { idempotencyKey: "key-1", signal, checkLease: () => undefined }).catch(
    ({ code, message, details }) => ({ code, message, details }),
  );
}

const script = (text: string) => ({ args: ["-c", text] });

test("asks for a container that has nothing but what the manifest names, and for no secret in an argument", async () => {
  const cli = {
    args: ["-c", 'echo "$0 $TOKEN $LEVEL $COUNTWHEEL_IDEMPOTENCY_KEY"', "{{.word}}"],
    env: { LEVEL: "debug" },
    env_from: [{ name: "TOKEN", secret_ref: "keys", key: "token" }],
    resources: { memory: "256m", cpus: "1.5", pids_limit: 20 },
    working_dir: "/data",
  };
  expect(await call(cli, { word: "$(id); x" })).toEqual({
    text: `$(id); x ${TOKEN} debug key-1\n`,
    isError: false,
  });
  const [asked] = engine.calls("run");
  expect(asked?.argv).toEqual([
    "run",
    "--rm",
    "--interactive",
    "--pull",
    "never",
    "--name",
    expect.stringMatching(new RegExp(`^countwheel-${ownerName()}-[0-9a-f]{8}$`)),
    "--label",
    "dev.countwheel.tool=default/orders",
    "--network",
    "none",
    "--read-only",
    "--tmpfs",
    "/tmp:rw,noexec,nosuid,size=64m",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--log-driver",
    "none",
    "--memory",
    "268435456",
    "--pids-limit",
    "20",
    "--cpus",
    "1.5",
    "--workdir",
    "/data",
    "--entrypoint",
    "/bin/sh",
    "--env",
    "LEVEL",
    "--env",
    "TOKEN",
    "--env",
    "COUNTWHEEL_IDEMPOTENCY_KEY",
    IMAGE,
    "-c",
    'echo "$0 $TOKEN $LEVEL $COUNTWHEEL_IDEMPOTENCY_KEY"',
    "$(id); x",
  ]);
  const { PWD: _shells, OLDPWD: _own, SHLVL: _three, _: _more, ...client } = asked?.env ?? {};
  expect(client).toEqual({
    PATH: engine.pathOf("docker"),
    TOKEN,
    LEVEL: "debug",
    COUNTWHEEL_IDEMPOTENCY_KEY: "key-1",
  });
  // One that has ended by itself is the engine's to remove.
  expect(["kill", "rm"].flatMap((verb) => engine.calls(verb))).toEqual([]);
});

test("answers as any other command: its input, its outputs, its exit code", async () => {
  expect(await call({ ...script("cat"), stdin_from_input: true }, { a: [1] })).toMatchObject({ text: '{"a":[1]}' });
  expect(await call(script("echo half; echo 'no such order' >&2; exit 3"))).toEqual({
    text: "exit code 3\nhalf\n\nno such order",
    isError: true,
  });
  expect(await call(script("echo bye >&2; exit 137"))).toMatchObject({
    code: "COMMAND_KILLED",
    message: "Tool default/orders was ended by SIGKILL; it wrote last:\nbye",
  });
  expect(await call(script("yes | head -c 70000000"))).toMatchObject({ code: "COMMAND_FLOODS" });
});

test.each([
  ["no image is allowed", {}, { allowed: [] }, "IMAGE_NOT_ALLOWED", "this runner runs no image (--allow-image)"],
  ["another image is", {}, { allowed: ["ghcr.io/acme/*@sha256:*"] }, "IMAGE_NOT_ALLOWED", "runs only ghcr.io/acme"],
  ["it is an option", { image: "--privileged" }, { allowed: ["*"] }, "IMAGE_NOT_ALLOWED", "no name of an image"],
  ["it is in another container's network", { network: "container:x" }, {}, "TOOL_INVALID", "a container may have"],
  ["its folder is one of this machine", { working_dir: "data" }, {}, "TOOL_INVALID", "no path from the root"],
  ["the client would heed a variable", { env: { DOCKER_HOST: "x" } }, {}, "TOOL_INVALID", "would heed"],
  ["a size is none", { resources: { memory: "much" } }, {}, "TOOL_INVALID", "is no size"],
  ["a number of processors is none", { resources: { cpus: "many" } }, {}, "TOOL_INVALID", "no number of processors"],
  ["there is no client", {}, { path: "/nowhere" }, "SANDBOX_UNAVAILABLE", "neither `docker` nor `podman` is on the"],
])("runs nothing where %s", async (_what, cli, circumstances, code, said) => {
  expect(await call({ ...script(`touch ${folder}/begun`), ...cli }, {}, circumstances)).toMatchObject({
    code,
    message: expect.stringContaining(said),
  });
  expect(existsSync(join(folder, "begun"))).toBe(false);
});

test("needs an image where its manifest asks for a container", async () => {
  const source = {
    namespace: "default",
    label: "Tool default/orders",
    spec: { type: "cli", cli: { command: "true" }, runtime: { isolation_mode: "container" } } as const,
    secrets: secretsWith({}),
    ground: { ...GROUND, containers: engineOf() },
  };
  const context = { idempotencyKey: "k", signal: never(), checkLease: () => undefined };
  await expect(callCliTool(source, {}, context)).rejects.toMatchObject({
    code: "TOOL_INVALID",
    message: expect.stringContaining("needs `cli.image`"),
  });
});

/** Its program runs, and its engine knows of it. */
async function begun(): Promise<void> {
  const isThere = (): boolean => existsSync(join(folder, "begun")) && engine.containers().length === 1;
  await vi.waitUntil(isThere, { timeout: 10_000, interval: 5 });
}

test("leaves nothing in the engine when its time is over, though it minds no signal", async () => {
  const answer = call(script("trap '' TERM; while :; do sleep 1; done"), {}, { runtime: { timeout: "1500ms" } });
  expect(await answer).toMatchObject({ code: "TOOL_TIMEOUT", details: {} });
  expect(engine.containers()).toEqual([]);
});

test("leaves nothing in the engine when it is cancelled, and ends with the reason of whoever cancels", async () => {
  const cancel = new AbortController();
  const text = `trap '' TERM; touch ${folder}/begun; while :; do sleep 1; done`;
  const answer = call(script(text), {}, { signal: cancel.signal });
  await begun();
  cancel.abort(new LeaseLost("a001", "the lease is gone"));
  expect(await answer).toMatchObject({ code: "LEASE_LOST" });
  expect(engine.containers()).toEqual([]);
});

/** A runner of its own that makes one call, which does not end by itself. */
function startHost(timeout: string): ChildProcess {
  const text = `trap '' TERM; touch ${folder}/begun; while :; do sleep 1; done`;
  const spec = { type: "cli", cli: { command: "/bin/sh", image: IMAGE, args: ["-c", text] }, runtime: { timeout } };
  const words = [childProgram("runner/tools/cli-host-child.ts"), JSON.stringify(spec), engine.pathOf("docker")];
  return spawn(process.execPath, words, { stdio: "inherit" });
}

async function killed(host: ChildProcess): Promise<void> {
  const ended = once(host, "exit");
  host.kill("SIGKILL");
  await ended;
  await vi.waitUntil(() => engine.containers().length === 0, { timeout: 5_000, interval: 10 });
}

test("leaves nothing in the engine when the runner is killed", async () => {
  const host = startHost("60s");
  await begun();
  await killed(host);
});

test("leaves nothing in the engine when the runner is killed while it ends a call", async () => {
  writeFileSync(join(folder, "stuck"), "");
  const host = startHost("4s");
  await begun();
  await vi.waitUntil(() => engine.calls("kill").length > 0, { timeout: 10_000, interval: 10 });
  await killed(host);
});

test("pulls an image once for all that wait for it, with the login that the manifest names", async () => {
  const containers = engineOf();
  const config = JSON.stringify({ credsStore: "steal", auths: { "ghcr.io": { auth: "cm9ib3Q6cHVsbA==" } } });
  engine.lacks({ [IMAGE]: '{"auths":{"ghcr.io":{"auth":"cm9ib3Q6cHVsbA=="}}}' });
  const circumstances = { containers, secrets: { registry: config } };
  const one = () => call({ ...script("echo done"), image_pull_secret: "registry" }, {}, circumstances);
  expect(await Promise.all([one(), one()])).toEqual([
    { text: "done\n", isError: false },
    { text: "done\n", isError: false },
  ]);
  expect(await one()).toMatchObject({ text: "done\n" });
  expect(engine.calls("pull").map(({ argv }) => argv)).toEqual([["pull", "--quiet", IMAGE]]);
});

test("has not happened where its image cannot be had, and is looked for anew at the next call", async () => {
  const containers = engineOf();
  engine.lacks({ [IMAGE]: "another login" });
  const bad = { ...script("echo done"), image_pull_secret: "registry" };
  expect(await call(bad, {}, { containers, secrets: { registry: "robot:pull" } })).toMatchObject({
    code: "IMAGE_NOT_PULLED",
    details: { effect: "none" },
  });
  expect(await call(bad, {}, { containers, secrets: { registry: "no login" } })).toMatchObject({
    code: "IMAGE_LOGIN_INVALID",
    message: expect.stringContaining("`user:password`"),
  });
  engine.lacks({});
  expect(await call(bad, {}, { containers })).toMatchObject({ text: "done\n" });
  // Somebody has removed it since.
  engine.lacks({ [IMAGE]: "" });
  expect(await call(bad, {}, { containers })).toMatchObject({
    code: "CONTAINER_FAILED",
    message: expect.stringContaining(`No such image: ${IMAGE}`),
  });
  expect(await call(script("echo done"), {}, { containers })).toMatchObject({ text: "done\n" });
});

test("has not happened where its time was over before its image had come", async () => {
  engine.lacks({ [IMAGE]: "" });
  writeFileSync(join(folder, "endless"), "");
  const containers = engineOf();
  const circumstances = { containers, runtime: { timeout: "4s" } };
  expect(await call(script("echo done"), {}, circumstances)).toMatchObject({
    code: "TOOL_TIMEOUT",
    details: { effect: "none" },
  });
  // The pull goes on for whoever comes next, until the runner is closed.
  const [pull] = engine.calls("pull");
  expect(isAlive(pull?.pid ?? 0)).toBe(true);
  await containers.close();
  expect(isAlive(pull?.pid ?? 0)).toBe(false);
});
