// Servers as the supervisor keeps them: started once, shared, stopped when idle, and never left behind.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PermanentFailure } from "../../../contracts/failure.ts";
import { holdServer } from "../../../runner/mcp/current-handle.ts";
import type { ServerHandle } from "../../../runner/mcp/shared-server.ts";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import {
  allGone,
  hostileSpec,
  isAlive,
  makeLog,
  never,
  packageSpec,
  planFor,
  type ServerLog,
  secretsWith,
  serverSpec,
} from "./servers.ts";

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
});

const CALL = { timeoutMs: 10_000, idempotencyKey: "key-1" };

async function open(mode: string, more: Readonly<Record<string, unknown>> = {}) {
  return supervisor.acquire(await planFor(hostileSpec(mode, log.path, more)), never());
}

test("twenty first calls at once start one process", async () => {
  const plan = await planFor(hostileSpec("normal", log.path));
  const handles = await Promise.all(Array.from({ length: 20 }, () => supervisor.acquire(plan, never())));
  const answers = await Promise.all(
    handles.map((handle, index) => handle.call("echo_text", { text: `${index}` }, { ...CALL, signal: never() })),
  );
  expect(answers.map(({ text }) => text)).toEqual(handles.map((_handle, index) => `${index}`));
  expect(await log.pids()).toHaveLength(1);
});

test("discovers the tools of all pages with their hints", async () => {
  const { tools } = await open("pages");
  expect(tools.map(({ name, annotations }) => [name, annotations])).toEqual([
    ["echo_text", { readOnlyHint: true }],
    ["write", { idempotentHint: true }],
    ["crash", {}],
  ]);
});

test("gives the idempotency key to the server with the call", async () => {
  const handle = await open("normal");
  await handle.call("write", { text: "x" }, { ...CALL, signal: never() });
  expect(await log.lines()).toContain('call write {"text":"x"} {"countwheel.dev/idempotency-key":"key-1"}');
});

test("gives a server six variables of ours and those of its manifest, secrets included", async () => {
  const spec = hostileSpec("environment", log.path, {
    env: [
      { name: "PLAIN", value: "p" },
      { name: "TOKEN", secret_ref: "token" },
    ],
  });
  const handle = await supervisor.acquire(await planFor(spec, secretsWith({ token: "s3cret" })), never());
  const { text } = await handle.call("echo_text", {}, { ...CALL, signal: never() });
  expect(JSON.parse(text)).toEqual({
    HOME: "/nowhere",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    PLAIN: "p",
    TOKEN: "s3cret",
  });
});

test("a server is another one when its secret changes", async () => {
  const spec = serverSpec({ command: "x", env: [{ name: "TOKEN", secret_ref: "token" }] });
  const [one, same, other] = await Promise.all(["a", "a", "b"].map((token) => planFor(spec, secretsWith({ token }))));
  expect(one?.key).toBe(same?.key);
  expect(one?.key).not.toBe(other?.key);
  expect(JSON.stringify(one)).not.toContain("token");
});

describe("a hold on a server whose secret was changed", () => {
  const spec = () =>
    hostileSpec("environment", log.path, { idle_timeout: "0", env: [{ name: "TOKEN", secret_ref: "token" }] });
  const hold = (secret: { token: string }, more: Readonly<Record<string, unknown>> = {}) =>
    holdServer(supervisor, () => planFor({ ...spec(), ...more }, secretsWith(secret)), never());
  const tokenOf = async (handle: ServerHandle) =>
    JSON.parse((await handle.call("echo_text", {}, { ...CALL, signal: never() })).text).TOKEN;

  test("leads to a new one at the next call, and the old one ends once nobody holds it", async () => {
    const secret = { token: "old" };
    const [one, other] = await Promise.all([hold(secret), hold(secret)]);
    expect(await tokenOf(one)).toBe("old");
    secret.token = "new";
    expect(await Promise.all([tokenOf(one), tokenOf(one), tokenOf(one)])).toEqual(["new", "new", "new"]);
    const [before = 0, after = 0, ...more] = await log.pids();
    expect([isAlive(before), isAlive(after), more]).toEqual([true, true, []]);
    other.release();
    await vi.waitUntil(() => !isAlive(before), { timeout: 5_000, interval: 10 });
    one.release();
    expect(await tokenOf(await hold(secret))).toBe("new");
    expect(await log.pids()).toHaveLength(2);
  });

  test("lets a call of the old one come to its end", async () => {
    const secret = { token: "old" };
    const args = ["-e", SLOW, log.path];
    const [one, other] = await Promise.all([hold(secret, { args }), hold(secret, { args })]);
    const slow = one.call("wait", {}, { ...CALL, signal: never() });
    await vi.waitUntil(async () => (await log.lines()).includes("waits"), { timeout: 5_000, interval: 10 });
    secret.token = "new";
    const quick = one.call("go-on", {}, { ...CALL, signal: never() });
    other.release();
    expect([(await slow).text, (await quick).text]).toEqual(["old", "new"]);
    const [before = 0] = await log.pids();
    await vi.waitUntil(() => !isAlive(before), { timeout: 5_000, interval: 10 });
  });

  test("calls no tool that is another one there", async () => {
    const secret = { token: "old" };
    const [program = ""] = hostileSpec("drifting", log.path).args ?? [];
    const handle = await hold(secret, { args: [program, "drifting", log.path] });
    secret.token = "new";
    await expect(handle.call("echo_text", {}, { ...CALL, signal: never() })).rejects.toMatchObject({
      code: "TOOL_DRIFTED",
    });
  });

  test("says what is missing, and sends nothing", async () => {
    const secrets = secretsWith({ token: "old" });
    let isGone = false;
    const gone = new PermanentFailure("SECRET_MISSING", "the secret is gone");
    const resolve: typeof secrets.resolve = (...asked) => (isGone ? Promise.reject(gone) : secrets.resolve(...asked));
    const handle = await holdServer(supervisor, () => planFor(spec(), { ...secrets, resolve }), never());
    isGone = true;
    await expect(handle.call("echo_text", {}, { ...CALL, signal: never() })).rejects.toBe(gone);
    expect((await log.lines()).filter((line) => line.startsWith("call "))).toEqual([]);
  });
});

/** Answers `wait` once somebody has called `go-on` on another server of the same log. */
const SLOW = `
  const [log] = process.argv.slice(1);
  const fs = require("node:fs");
  const note = (text) => fs.appendFileSync(log, text + "\\n");
  note("start " + process.pid);
  const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
  const answer = (id) => send({ id, result: { content: [{ type: "text", text: process.env.TOKEN }] } });
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params } = JSON.parse(line);
    const serverInfo = { name: "slow", version: "1" };
    if (method === "initialize")
      send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
    if (method === "tools/list")
      send({ id, result: { tools: ["wait", "go-on"].map((name) => ({ name, inputSchema: { type: "object" } })) } });
    if (method !== "tools/call") return;
    note(params.name === "wait" ? "waits" : "goes on");
    if (params.name !== "wait") return answer(id);
    const look = () => (fs.readFileSync(log, "utf8").includes("goes on") ? answer(id) : setTimeout(look, 10));
    look();
  });
`;

test("stops a server that nobody has used for its idle time, and starts it again for the next user", async () => {
  const handle = await open("normal", { idle_timeout: "20ms" });
  const [first = 0] = await log.pids();
  handle.release();
  await vi.waitUntil(() => !isAlive(first), { timeout: 5_000, interval: 10 });
  await open("normal", { idle_timeout: "20ms" });
  expect(await log.pids()).toHaveLength(2);
});

test("keeps an idle server while one of its users holds it", async () => {
  const plan = await planFor(hostileSpec("normal", log.path, { idle_timeout: "1ms" }));
  const [one, other] = await Promise.all([supervisor.acquire(plan, never()), supervisor.acquire(plan, never())]);
  one.release();
  one.release();
  await other.call("echo_text", { text: "still here" }, { ...CALL, signal: never() });
  expect(await log.pids()).toHaveLength(1);
});

test("fails a call at once when the server dies in it, and starts a new one for the next call", async () => {
  const handle = await open("normal");
  await expect(handle.call("crash", {}, { ...CALL, signal: never() })).rejects.toMatchObject({
    code: "MCP_CLOSED",
    message: "McpServer default/fixture ended with exit code 7",
    details: {},
  });
  const { text } = await handle.call("echo_text", { text: "back" }, { ...CALL, signal: never() });
  expect(text).toBe("back");
  expect(await log.pids()).toHaveLength(2);
});

test("refuses a tool whose definition is another one after the server came back", async () => {
  const handle = await open("drifting");
  await expect(handle.call("crash", {}, { ...CALL, signal: never() })).rejects.toMatchObject({ code: "MCP_CLOSED" });
  await expect(handle.call("echo_text", {}, { ...CALL, signal: never() })).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "TOOL_DRIFTED",
  });
});

test("lists the tools again when the server says that they are others: what was pinned stays pinned", async () => {
  const plan = await planFor(hostileSpec("restless", log.path));
  const before = await supervisor.acquire(plan, never());
  await before.call("echo_text", {}, { ...CALL, signal: never() });
  const after = await supervisor.acquire(plan, never());
  expect(after.tools.map(({ name }) => name)).toEqual(["echo_text", "write", "extra_1"]);
  await expect(before.call("write", {}, { ...CALL, signal: never() })).rejects.toMatchObject({ code: "TOOL_DRIFTED" });
  await expect(before.call("extra_0", {}, { ...CALL, signal: never() })).rejects.toMatchObject({
    code: "TOOL_DRIFTED",
  });
  expect((await before.call("echo_text", {}, { ...CALL, signal: never() })).text).toBe("changed");
  expect(await log.pids()).toHaveLength(1);
});

test("kills the server when its only call is aborted, and throws the reason of the abort", async () => {
  const handle = await open("hang-in-call");
  const [pid = 0] = await log.pids();
  const abort = new AbortController();
  const call = handle.call("echo_text", {}, { ...CALL, signal: abort.signal });
  call.catch(() => undefined);
  await vi.waitUntil(async () => (await log.lines()).some((line) => line.startsWith("call ")), { timeout: 5_000 });
  const reason = new Error("the lease is gone");
  abort.abort(reason);
  await expect(call).rejects.toBe(reason);
  await vi.waitUntil(() => !isAlive(pid), { timeout: 5_000, interval: 10 });
});

test("fails a call that takes longer than its time-out", async () => {
  const handle = await open("hang-in-call");
  await expect(handle.call("echo_text", {}, { ...CALL, timeoutMs: 50, signal: never() })).rejects.toMatchObject({
    name: "TransientFailure",
    code: "MCP_TIMEOUT",
  });
});

test("tries to start as often as the manifest says, then quotes what the server wrote", async () => {
  const opening = open("exit-in-start", { reconnect: { max_attempts: 3, backoff: "1ms" } });
  await expect(opening).rejects.toMatchObject({
    code: "MCP_CLOSED",
    message: "McpServer default/fixture ended with exit code 3; it wrote last:\ncannot open the database",
    details: { effect: "none" },
  });
  expect(await log.pids()).toHaveLength(3);
});

test("does not try again what cannot be found", async () => {
  const plan = await planFor(serverSpec({ command: "/nowhere/server" }));
  await expect(supervisor.acquire(plan, never())).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "COMMAND_NOT_STARTED",
    message: expect.stringMatching(/^McpServer default\/fixture: command `\/nowhere\/server`: not found/),
  });
});

test("close ends a server that hangs in its start, and whoever waits for it", async () => {
  const opening = open("hang-in-start");
  opening.catch(() => undefined);
  await vi.waitUntil(async () => (await log.pids()).length === 1, { timeout: 5_000, interval: 10 });
  await supervisor.close();
  await expect(opening).rejects.toMatchObject({ code: "RUNNER_STOPPING" });
  await expect(open("normal")).rejects.toMatchObject({ code: "RUNNER_STOPPING" });
});

test("who has been aborted already starts nothing", async () => {
  const plan = await planFor(hostileSpec("exit-in-start", log.path, { reconnect: { max_attempts: 1 } }));
  await expect(supervisor.acquire(plan, AbortSignal.abort(new Error("no time")))).rejects.toThrow("no time");
  await supervisor.close();
  expect(await log.pids()).toEqual([]);
});

test("an abort ends the wait for a start, not the start", async () => {
  const plan = await planFor(hostileSpec("normal", log.path));
  const abort = new AbortController();
  const impatient = supervisor.acquire(plan, abort.signal);
  const patient = supervisor.acquire(plan, never());
  abort.abort(new Error("no time"));
  await expect(impatient).rejects.toThrow("no time");
  expect((await patient).tools).toHaveLength(3);
  expect(await log.pids()).toHaveLength(1);
});

test.each([
  ["@modelcontextprotocol/server-everything", [], "echo"],
  ["@modelcontextprotocol/server-memory", [], "read_graph"],
  ["@modelcontextprotocol/server-filesystem", ["."], "list_directory"],
])("runs %s from npm", async (name, args, tool) => {
  const handle = await supervisor.acquire(await planFor(await packageSpec(name, args)), never());
  expect(handle.tools.map((offered) => offered.name)).toContain(tool);
  const { isError } = await handle.call(tool, { message: "hello", path: "." }, { ...CALL, signal: never() });
  expect(isError).toBe(false);
});
