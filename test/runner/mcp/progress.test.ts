// What servers tell of how far a call has come: heard as long as it is sane, whichever revision they speak.
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ToolProgress } from "../../../contracts/tool-progress.ts";
import type { McpClient } from "../../../runner/mcp/mcp-client.ts";
import { serveModern } from "./modern-http.ts";
import { allGone, hostileSpec, makeLog, never, packageSpec, planFor, type ServerLog, serverSpec } from "./servers.ts";

const MODERN = fileURLToPath(new URL("../../fixtures/mcp/modern-server.mjs", import.meta.url));
const STEPS = [1, 2, 3].map((done) => ({ done, total: 3, message: `step ${done}` }));

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

async function connect(spec: Parameters<typeof planFor>[0]): Promise<McpClient> {
  client = await (await planFor(spec)).connect(never());
  return client;
}

async function call(of: McpClient, name: string, args: Readonly<Record<string, unknown>>) {
  const heard: ToolProgress[] = [];
  const options = { signal: never(), timeoutMs: 20_000, idempotencyKey: "k" };
  const result = await of.callTool(name, args, { ...options, onProgress: (progress) => heard.push(progress) });
  return { ...result, heard };
}

test("hears a server from npm tell of each step, the last one before its answer", async () => {
  const asked = await connect(await packageSpec("@modelcontextprotocol/server-everything", ["stdio"]));
  const { heard } = await call(asked, "trigger-long-running-operation", { duration: 0.04, steps: 4 });
  expect(heard).toEqual([1, 2, 3, 4].map((done) => ({ done, total: 4 })));
});

test.each(["2026-07-28", "2025-11-25"])("hears a server that speaks %s on stdio", async (protocol) => {
  const asked = await connect(serverSpec({ command: process.execPath, args: [MODERN, "both", log.path], protocol }));
  expect(await call(asked, "steps", {})).toEqual({ text: "stepped", isError: false, heard: STEPS });
});

test.each(["2026-07-28", "2025-11-25"])("hears a server that speaks %s over HTTP", async (protocol) => {
  const { url } = await serveModern((server) => {
    server.registerTool("steps", { description: "Tells of three steps" }, async ({ mcpReq }) => {
      const { progressToken = "none" } = mcpReq["_meta"] ?? {};
      for (const { done: progress, ...more } of STEPS) {
        await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, ...more } });
      }
      return { content: [{ type: "text", text: "stepped" }] };
    });
  });
  const asked = await connect(serverSpec({ transport: "http", endpoint: `${url}/mcp`, protocol }));
  expect(await call(asked, "steps", {})).toEqual({ text: "stepped", isError: false, heard: STEPS });
});

test("takes what grows, and drops what is garbage", async () => {
  const notifications = [
    { progress: 2, total: 8, message: "reads" },
    { progress: 1, total: 8 },
    { progress: 2, message: "again" },
    { progress: -1 },
    { progress: "3" },
    { progress: null },
    { progress: 4, total: "8", message: 9 },
    { progress: 5, total: 3, message: "" },
    { progress: 6, message: "x".repeat(100_000) },
    { progress: 7, progressToken: "somebody else's" },
    { progress: 7, progressToken: 999 },
    { progress: 7, progressToken: { toString: 1, valueOf: 1 } },
    { progressToken: undefined },
  ];
  const { heard, text } = await call(await connect(hostileSpec("progress", log.path)), "echo_text", { notifications });
  expect(heard).toEqual([
    { done: 2, total: 8, message: "reads" },
    { done: 4 },
    { done: 5 },
    { done: 6, message: `${"x".repeat(200)}…` },
  ]);
  expect(text).toBe("told");
});

test("asks nothing of a server where nobody listens, and tells others nothing of a call's progress", async () => {
  const asked = await connect(hostileSpec("progress", log.path));
  await asked.callTool("echo_text", {}, { signal: never(), timeoutMs: 5_000, idempotencyKey: "k" });
  expect((await log.lines()).find((line) => line.startsWith("call "))).not.toContain("progressToken");
});

test("progress does not extend the time that a call may take", async () => {
  const asked = await connect(hostileSpec("tells-and-hangs", log.path));
  const options = { signal: never(), timeoutMs: 50, idempotencyKey: "k", onProgress: () => undefined };
  await expect(asked.callTool("echo_text", { times: 5 }, options)).rejects.toMatchObject({ code: "MCP_TIMEOUT" });
});

test("bears a flood, and hears its end", async () => {
  const asked = await connect(hostileSpec("progress", log.path));
  const { heard } = await call(asked, "echo_text", { times: 100_000, message: "counts" });
  expect(heard).toHaveLength(100_000);
  expect(heard.at(-1)).toEqual({ done: 100_000, total: 100_000, message: "counts" });
});
