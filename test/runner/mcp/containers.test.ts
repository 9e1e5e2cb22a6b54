// Servers that run from an image: how the engine is asked, what is never asked of it, and that nothing is left in it. The
// engine is a stand-in; a real one is asked in podman.test.ts.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { ownerName } from "../../../runner/processes/owner.ts";
import { type StandInEngine, standInEngine } from "../engine.ts";
import {
  allGone,
  GROUND,
  isAlive,
  makeLog,
  never,
  planFor,
  type ServerLog,
  secretsWith,
  serverSpec,
  startHost,
} from "./servers.ts";

const HOSTILE = join(import.meta.dirname, "../../fixtures/mcp/hostile-server.mjs");
const IMAGE = "ghcr.io/acme/files@sha256:0f1e";
const SECRET = "container-canary-8d15";

let log: ServerLog;
let folder: string;
let engine: StandInEngine;
let supervisor: McpSupervisor;
beforeEach(async () => {
  log = await makeLog();
  folder = dirname(log.path);
  engine = standInEngine(folder);
  supervisor = new McpSupervisor();
});
afterEach(async () => {
  await supervisor.close();
  await allGone(log);
  await expect.poll(() => engine.containers()).toEqual([]);
  await expect.poll(() => readdirSync("/dev/shm").filter((name) => name.includes(ownerName()))).toEqual([]);
  await log.remove();
});

interface How {
  readonly allowed?: readonly string[];
  readonly path?: string;
  readonly more?: Readonly<Record<string, string>>;
}

function groundOf({ allowed = [IMAGE], path = engine.pathOf("docker"), more = {} }: How = {}) {
  const variables = { PATH: path, STATE: "not for it", ...more };
  return { containers: new Containers(variables, allowed, GROUND.privateFiles) };
}

const specOf = (mode: string, more: Readonly<Record<string, unknown>> = {}) =>
  serverSpec({ image: IMAGE, args: [HOSTILE, mode, log.path], reconnect: { max_attempts: 1 }, ...more });

const acquire = async (spec = specOf("normal"), how?: How) =>
  supervisor.acquire(await planFor(spec, secretsWith({ token: SECRET }), groundOf(how)), never());

test("asks for a container that has nothing but what its manifest names, and for no secret in an argument", async () => {
  const env = [
    { name: "TOKEN", secret_ref: "token" },
    { name: "LEVEL", value: "debug" },
    { name: "TOKEN_FILE", secret_ref: "token", mount_path: "/secrets/token.json" },
  ];
  const resources = { memory: "256m", cpus: "1.5", pids_limit: 20 };
  const handle = await acquire(specOf("environment", { env, resources }), { more: { DOCKER_HOST: "unix:///x" } });
  const answer = await handle.call("echo_text", {}, { timeoutMs: 10_000, idempotencyKey: "k", signal: never() });
  expect(JSON.parse(answer.text)).toMatchObject({ TOKEN: SECRET, LEVEL: "debug", TOKEN_FILE: "/secrets/token.json" });
  const [name = ""] = engine.containers();
  expect(name).toMatch(new RegExp(`^countwheel-${ownerName()}-[0-9a-f]{8}$`));
  const [asked] = engine.calls("run");
  const file = expect.stringMatching(
    /^type=bind,src=\/dev\/shm\/countwheel-secrets-[\w-]+\/0\/token\.json,dst=\/secrets\/token\.json,readonly$/,
  );
  expect(asked?.argv).toEqual([
    "run",
    "--rm",
    "--interactive",
    "--pull",
    "never",
    "--name",
    name,
    "--label",
    "dev.countwheel.server=default/fixture",
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
    "--env",
    "TOKEN",
    "--env",
    "LEVEL",
    "--env",
    "TOKEN_FILE=/secrets/token.json",
    "--mount",
    file,
    IMAGE,
    HOSTILE,
    "environment",
    log.path,
  ]);
  const { PWD: _shells, OLDPWD: _own, SHLVL: _three, _: _more, ...client } = asked?.env ?? {};
  expect(client).toEqual({ PATH: engine.pathOf("docker"), DOCKER_HOST: "unix:///x", TOKEN: SECRET, LEVEL: "debug" });
});

test.each([
  ["no image is allowed", {}, { allowed: [] }, "IMAGE_NOT_ALLOWED", "this runner runs no image (--allow-image)"],
  ["another image is", {}, { allowed: ["ghcr.io/acme/*@sha256:*x"] }, "IMAGE_NOT_ALLOWED", "only ghcr.io/acme/*@sha"],
  ["it is an option", { image: "--privileged" }, { allowed: ["*"] }, "IMAGE_NOT_ALLOWED", "no name of an image"],
  [
    "it is a file of this machine",
    { image: "oci-archive:x" },
    { allowed: ["*"] },
    "IMAGE_NOT_ALLOWED",
    "no name of an",
  ],
  ["it is a folder", { image: "x:/etc" }, { allowed: ["*"] }, "IMAGE_NOT_ALLOWED", "no name of an image"],
  ["the client would heed a variable", { env: [{ name: "DOCKER_HOST", value: "x" }] }, {}, "MCP_INVALID", "would heed"],
  ["a variable is none", { env: [{ name: "A=B", value: "x" }] }, {}, "MCP_INVALID", "is no name of a variable"],
  ["a size is none", { resources: { memory: "much" } }, {}, "MCP_INVALID", "is no size"],
  ["there is no client", {}, { path: "/nowhere" }, "MCP_IMAGE_UNAVAILABLE", "neither `docker` nor `podman` is on the"],
])("runs nothing where %s", async (_what, more, how, code, said) => {
  await expect(acquire(specOf("normal", more), how)).rejects.toMatchObject({
    name: "PermanentFailure",
    code,
    message: expect.stringContaining(said),
  });
  expect(await log.lines()).toEqual([]);
});

test("tells why an engine does not answer, and asks again at the next use", async () => {
  writeFileSync(join(folder, "down"), "");
  const ground = groundOf();
  const open = async () => supervisor.acquire(await planFor(specOf("normal"), secretsWith({}), ground), never());
  await expect(open()).rejects.toMatchObject({
    code: "MCP_IMAGE_UNAVAILABLE",
    message: expect.stringContaining("`docker` has no engine that answers: Cannot connect to the Docker daemon"),
  });
  spawn("rm", [join(folder, "down")]);
  await vi.waitUntil(() => !readdirSync(folder).includes("down"), { timeout: 5_000, interval: 10 });
  expect((await open()).tools).toHaveLength(3);
});

test("brings an image that is not there with the login of its manifest, which stands in no argument", async () => {
  const auth = Buffer.from("robot:pull-canary-77").toString("base64");
  engine.lacks({ [IMAGE]: `"ghcr.io":{"auth":"${auth}"}` });
  const spec = specOf("normal", { image_pull_secret: "registry" });
  const plan = await planFor(spec, secretsWith({ registry: "robot:pull-canary-77" }), groundOf());
  await supervisor.acquire(plan, never());
  const [pulled, ...again] = engine.calls("pull");
  expect([pulled?.argv, again]).toEqual([["pull", "--quiet", IMAGE], []]);
  const config = pulled?.env["DOCKER_CONFIG"] ?? "";
  expect(config).toMatch(/^\/dev\/shm\/countwheel-secrets-/);
  expect(pulled?.env["REGISTRY_AUTH_FILE"]).toBe(`${config}/config.json`);
  expect([existsSync(config), engine.calls("run")[0]?.env["DOCKER_CONFIG"]]).toEqual([false, undefined]);
});

test("says that an image cannot be pulled, in the words of the engine", async () => {
  engine.lacks({ [IMAGE]: "a login" });
  await expect(acquire()).rejects.toMatchObject({
    name: "TransientFailure",
    code: "IMAGE_NOT_PULLED",
    message: expect.stringContaining(
      `image \`${IMAGE}\` was not pulled: pull access denied for ${IMAGE}; where its registry asks for a login, \`image_pull_secret\``,
    ),
  });
  expect(await log.lines()).toEqual([]);
});

test("takes podman where docker is not there", async () => {
  engine.install("podman");
  await acquire(specOf("normal"), { path: engine.pathOf("podman") });
  expect(engine.containers()).toHaveLength(1);
});

const DOCKER = "/usr/local/bin/docker";
const hasDocker = await access(DOCKER).then(
  () => true,
  () => false,
);
test.skipIf(!hasDocker)("a real client of Docker without an engine is refused in its own words", async () => {
  const how = { path: dirname(DOCKER), more: { DOCKER_HOST: `unix://${folder}/none.sock`, HOME: folder } };
  await expect(acquire(specOf("normal"), how)).rejects.toMatchObject({
    code: "MCP_IMAGE_UNAVAILABLE",
    message: expect.stringMatching(/`docker` has no engine that answers: .*daemon/),
  });
});

test.each(["normal", "stubborn"])("a %s server is gone from the engine once it is stopped", async (mode) => {
  await acquire(specOf(mode));
  const [pid = 0] = await log.pids();
  expect([isAlive(pid), engine.containers().length]).toEqual([true, 1]);
  await supervisor.close();
  await vi.waitUntil(() => !isAlive(pid), { timeout: 5_000, interval: 10 });
  expect(engine.containers()).toEqual([]);
});

test("fails a call at once when the server dies in it", async () => {
  const handle = await acquire();
  const call = handle.call("crash", {}, { timeoutMs: 25_000, idempotencyKey: "k", signal: never() });
  await expect(call).rejects.toMatchObject({ code: "MCP_CLOSED", message: expect.stringContaining("exit code 7") });
});

test("is gone from the engine once the runner was killed", async () => {
  const host = await startHost(specOf("stubborn"), engine.pathOf("docker"));
  expect(engine.containers()).toHaveLength(1);
  host.kill("SIGKILL");
  await allGone(log);
  await vi.waitUntil(() => engine.containers().length === 0, { timeout: 5_000, interval: 10 });
});

test("what a process has left that has ended for sure is removed at the next use of the engine", async () => {
  const [host = "", , start = ""] = ownerName().split("-");
  const ended = spawn("true");
  await once(ended, "exit");
  const left = `countwheel-${host}-${ended.pid}-${start}-00000000`;
  const others = [`countwheel-${"0".repeat(12)}-1-1-00000000`, "not-ours"];
  for (const name of [left, ...others]) writeFileSync(join(folder, "containers", name), "1999999999");
  await acquire();
  expect(
    engine
      .containers()
      .filter((name) => !name.includes(ownerName()))
      .toSorted(),
  ).toEqual(others.toSorted());
  for (const name of others) spawn("rm", [join(folder, "containers", name)]);
  await vi.waitUntil(() => engine.containers().length === 1, { timeout: 5_000, interval: 10 });
});
