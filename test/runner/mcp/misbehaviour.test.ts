// What MCP servers do wrong, each with its typed outcome, at once, and with no process left.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { McpClient } from "../../../runner/mcp/mcp-client.ts";
import {
  allGone,
  hostileSpec,
  isAlive,
  makeLog,
  never,
  planFor,
  type ServerLog,
  serverSpec,
  startHost,
} from "./servers.ts";

let log: ServerLog;
let client: McpClient | undefined;

beforeEach(async () => {
  log = await makeLog();
});

afterEach(async () => {
  await client?.close("now");
  client = undefined;
  await allGone(log);
  await log.remove();
});

async function connect(mode: string): Promise<McpClient> {
  client = await (await planFor(hostileSpec(mode, log.path))).connect(never());
  return client;
}

function call(of: McpClient, timeoutMs = 10_000) {
  return of.callTool("echo_text", { text: "hello" }, { signal: never(), timeoutMs, idempotencyKey: "k" });
}

test("a reply that is no JSON fails the call at once, not at its time-out", async () => {
  // Which is longer than that of this test.
  await expect(call(await connect("garbage"), 60_000)).rejects.toMatchObject({
    name: "TransientFailure",
    code: "MCP_MALFORMED",
  });
});

test("a greeting on stdout before the handshake is borne", async () => {
  expect(await call(await connect("greeting"))).toEqual({ text: "hello", isError: false });
});

test("four megabytes of stderr do not hang the server", async () => {
  expect(await call(await connect("flood"))).toEqual({ text: "hello", isError: false });
});

test("an answer of 12 MB ends the connection with its name", async () => {
  await expect(call(await connect("huge"))).rejects.toMatchObject({
    name: "TransientFailure",
    code: "MCP_RESULT_TOO_LARGE",
    message: "McpServer default/fixture sent a message of more than 10485760 bytes",
  });
});

test("a JSON-RPC error and an error of the tool are results that the model may read", async () => {
  expect(await call(await connect("refuse"))).toEqual({ text: "MCP error -32602: text must be short", isError: true });
  await client?.close("now");
  expect(await call(await connect("own-error"))).toEqual({ text: "disk is full", isError: true });
});

test("a server that exits in its start is quoted", async () => {
  await expect(connect("exit-in-start")).rejects.toMatchObject({
    code: "MCP_CLOSED",
    message: expect.stringContaining("cannot open the database"),
  });
});

test("an abort ends a server that hangs in its start", async () => {
  const abort = new AbortController();
  const connecting = (await planFor(hostileSpec("hang-in-start", log.path))).connect(abort.signal);
  connecting.catch(() => undefined);
  await vi.waitUntil(async () => (await log.pids()).length === 1, { timeout: 5_000, interval: 10 });
  abort.abort(new Error("enough"));
  await expect(connecting).rejects.toThrow("enough");
});

test("tells a server of an abort in neutral words only", async () => {
  const asked = await connect("hang-in-call");
  const abort = new AbortController();
  const calling = asked.callTool("echo_text", {}, { signal: abort.signal, timeoutMs: 10_000, idempotencyKey: "k" });
  calling.catch(() => undefined);
  await vi.waitUntil(async () => (await log.lines()).some((line) => line.startsWith("call ")), { timeout: 5_000 });
  abort.abort(new Error("task secret-merger of ada@example.com was cancelled"));
  await expect(calling).rejects.toThrow("secret-merger");
  await vi.waitUntil(async () => (await log.lines()).some((line) => line.includes("cancelled")), { timeout: 5_000 });
  const told = (await log.lines()).filter((line) => line.startsWith("notifications/cancelled"));
  expect(told).toEqual([expect.stringContaining('"reason":"cancelled"')]);
});

test.each(["stubborn", "family"])(
  "close ends a %s server that ignores the end of its input and SIGTERM",
  async (mode) => {
    const asked = await connect(mode);
    const pids = await log.pids();
    expect(pids).toHaveLength(mode === "family" ? 2 : 1);
    await asked.close("politely");
    await allGone(log);
  },
);

test("close ends a server that was started by a shell", async () => {
  const { command = "", args = [] } = hostileSpec("family", log.path);
  const words = [command, ...args].map((word) => `'${word}'`).join(" ");
  const plan = await planFor(serverSpec({ command: "/bin/sh", args: ["-c", `${words}; true`] }));
  client = await plan.connect(never());
  expect(await log.pids()).toHaveLength(2);
  await client.close("now");
});

test.each(["stubborn", "family"])("a %s server does not outlive a runner that is killed", async (mode) => {
  const host = await startHost(hostileSpec(mode, log.path));
  const pids = await log.pids();
  expect(pids.filter(isAlive)).toEqual(pids);
  host.kill("SIGKILL");
  await allGone(log);
});
