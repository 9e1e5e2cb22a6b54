// MCP of 2026-07-28, through the second adapter, against real servers of the SDK's second generation.

import { fileURLToPath } from "node:url";
import { JSONRPCMessageSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterEach, expect, test } from "vitest";
import type { McpClient } from "../../../runner/mcp/mcp-client.ts";
import { connectClient } from "../../../runner/mcp/sdk-client.ts";
import { probeServer } from "../../../runner/mcp/stdio/probe.ts";
import { StdioTransport } from "../../../runner/mcp/stdio/transport.ts";
import { type LoopbackServer, serve } from "../tools/http-server.ts";
import { serveModern } from "./modern-http.ts";
import { hostileSpec, makeLog, never, planFor, type ServerLog, serverSpec } from "./servers.ts";

const HOSTILE = fileURLToPath(new URL("../../fixtures/mcp/hostile-server.mjs", import.meta.url));
const MODERN = fileURLToPath(new URL("../../fixtures/mcp/modern-server.mjs", import.meta.url));

let client: McpClient | undefined;
let log: ServerLog | undefined;

afterEach(async () => {
  await client?.close("now");
  await log?.remove();
  client = undefined;
});

async function connect(spec: Parameters<typeof planFor>[0]): Promise<McpClient> {
  client = await (await planFor(spec)).connect(never());
  return client;
}

async function stdio(mode: string, more: Readonly<Record<string, unknown>> = {}): Promise<McpClient> {
  log = await makeLog();
  return connect(serverSpec({ command: process.execPath, args: [MODERN, mode, log.path], ...more }));
}

function call(of: McpClient, name: string, more: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}) {
  return of.callTool(name, {}, { signal: never(), timeoutMs: 10_000, idempotencyKey: "key-1", ...more });
}

test.each([
  ["modern", {}, "modern"],
  ["both", {}, "modern"],
  ["both", { protocol: "2025-11-25" }, "legacy"],
  ["modern", { protocol: "2026-07-28" }, "modern"],
])("a server that speaks %s is spoken to, with %j, as %s, in one process", async (mode, more, era) => {
  const asked = await stdio(mode, more);
  expect((await asked.listTools(never())).map(({ name }) => name)).toEqual(["era", "grow", "hang", "steps", "fail"]);
  expect(await call(asked, "era")).toEqual({ text: era, isError: false });
  expect(await call(asked, "fail")).toEqual({ text: "no", isError: true });
  expect(await log?.pids()).toHaveLength(1);
  expect((await log?.lines())?.find((line) => line.startsWith("call "))).toContain(
    '"countwheel.dev/idempotency-key":"key-1"',
  );
});

test("says of a server that does not speak the revision that its manifest asks for, what it said", async () => {
  log = await makeLog();
  await expect(connect(hostileSpec("plain", log.path, { protocol: "2026-07-28" }))).rejects.toMatchObject({
    code: "MCP_PROTOCOL",
    message: expect.stringContaining("does not speak MCP 2026-07-28: Method not found") as string,
  });
  await log.remove();
  await expect(stdio("modern", { protocol: "2025-11-25" })).rejects.toThrow(/did not start/);
});

test("asks a server that ended at the question no second time", async () => {
  log = await makeLog();
  const plan = await planFor(hostileSpec("ends-when-asked", log.path));
  await expect(plan.connect(never())).rejects.toMatchObject({ code: "MCP_CLOSED", details: { effect: "none" } });
  client = await plan.connect(never());
  expect(await client.listTools(never())).toHaveLength(3);
});

test("speaks as before to a server that says nothing to the question, on the same pipe", async () => {
  log = await makeLog();
  const { path } = log;
  const command = { command: process.execPath, args: [HOSTILE, "mute", path], cwd: "/", env: {} };
  const prepare = () => Promise.resolve({ command, aftermath: {}, cleanUp: () => Promise.resolve() });
  const transport = new StdioTransport("mute", prepare, (value) => JSONRPCMessageSchema.parse(value));
  expect(await probeServer(transport, 50, never())).toEqual({ era: "legacy", why: "it said nothing for 50 ms" });
  client = await connectClient({ label: "mute", answersForms: false }, transport, never());
  expect(await client.listTools(never())).toHaveLength(3);
  expect(await log.pids()).toHaveLength(1);
});

test("hears that the tools are others", async () => {
  const asked = await stdio("modern");
  const changed = new Promise<void>((resolve) => asked.onToolsChanged(resolve));
  await asked.listTools(never());
  await call(asked, "grow");
  await changed;
  expect((await asked.listTools(never())).map(({ name }) => name)).toContain("more");
});

test("a call that hangs ends at its time-out, or with the reason of its abort, and others go on", async () => {
  const asked = await stdio("modern");
  await expect(call(asked, "hang", { timeoutMs: 100 })).rejects.toMatchObject({ code: "MCP_TIMEOUT" });
  const stop = new AbortController();
  const hanging = call(asked, "hang", { signal: stop.signal });
  stop.abort(new Error("Task of Ann"));
  await expect(hanging).rejects.toThrow("Task of Ann");
  expect(await call(asked, "era")).toMatchObject({ isError: false });
});

test("a tool that is not there is an answer, as any error of the server", async () => {
  expect(await call(await stdio("modern"), "nothing")).toMatchObject({ isError: true });
});

function httpServer(): Promise<LoopbackServer> {
  return serveModern((server, era) => {
    server.registerTool("era", { description: "Tells which era it is" }, () => ({
      content: [{ type: "text", text: era }],
    }));
  });
}

test.each([
  ["auto", "modern"],
  ["2026-07-28", "modern"],
  ["2025-11-25", "legacy"],
])("over HTTP, with protocol %s, it is spoken to as %s", async (protocol, era) => {
  const { url, asked: requests } = await httpServer();
  const asked = await connect(serverSpec({ transport: "http", endpoint: `${url}/mcp`, protocol }));
  expect(await asked.listTools(never())).toMatchObject([{ name: "era" }]);
  expect(await call(asked, "era")).toEqual({ text: era, isError: false });
  const named = requests.some(({ headers }) => headers["mcp-method"] === "tools/call");
  expect(named).toBe(era === "modern");
});

test("over HTTP, says of a server that knows no such question that it does not speak the revision", async () => {
  const { url } = await serve((response) => {
    response.writeHead(404).end();
  });
  const spec = serverSpec({ transport: "http", endpoint: url, protocol: "2026-07-28" });
  await expect(connect(spec)).rejects.toMatchObject({ code: "MCP_PROTOCOL" });
});
