// Tool boxes: which tool a name means, what the gate gets to know of it, and what happens to names that mean nothing.
import { afterEach, beforeEach, expect, test } from "vitest";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { Sandbox } from "../../../runner/processes/sandbox.ts";
import type { Entries } from "../../../runner/tools/find-manifest.ts";
import { openToolBox } from "../../../runner/tools/open-tool-box.ts";
import type { Tool, ToolBox } from "../../../runner/tools/tool.ts";
import { allGone, GROUND, hostileSpec, makeLog, never, type ServerLog, secretsWith } from "../mcp/servers.ts";
import { entriesOf } from "./entries.ts";
import { answerJson, serve } from "./http-server.ts";
import { NO_CALLBACKS } from "./remote-source.ts";

let log: ServerLog;
let mcp: McpSupervisor;

beforeEach(async () => {
  log = await makeLog();
  mcp = new McpSupervisor();
});

afterEach(async () => {
  await mcp.close();
  await allGone(log);
  await log.remove();
});

function open(entries: Entries, ...toolNames: string[]): Promise<ToolBox> {
  const deps = {
    mcp,
    secrets: secretsWith({}),
    ground: { ...GROUND, privateHosts: [], sandbox: new Sandbox(""), callbacks: NO_CALLBACKS, wasmFolders: [] },
    memory: () => undefined,
    hasSecret: () => false,
    caller: { task: "default/t", namespace: "default", agent: "a" },
  };
  return openToolBox({ entries, namespace: "default", toolNames }, deps, never());
}

function server(mode = "normal", more: Readonly<Record<string, unknown>> = {}) {
  return hostileSpec(mode, log.path, more) as unknown as Readonly<Record<string, unknown>>;
}

function facts(tool: Tool | undefined) {
  return tool === undefined
    ? undefined
    : { name: tool.definition.name, effect: tool.effect, classes: tool.operationClasses, timeoutMs: tool.timeoutMs };
}

function run(tool: Tool | undefined, args: Readonly<Record<string, unknown>> = {}) {
  return tool?.call(args, { idempotencyKey: "k", signal: never(), checkLease: () => undefined });
}

test("finds the tools of a server by their names, however they are spelt", async () => {
  const box = await open(entriesOf([["McpServer", "my_notes", server()]]), "my-notes--echo-text", "my_notes--write");
  expect(facts(box.find("my_notes--echo_text"))).toEqual({
    name: "my-notes--echo-text",
    effect: "read",
    classes: ["read"],
    timeoutMs: 30_000,
  });
  expect(facts(box.find("my-notes--write"))).toMatchObject({
    name: "my-notes--write",
    effect: "idempotent",
    classes: ["write"],
  });
  expect(box.find("my-notes--crash")).toBeUndefined();
  expect(await run(box.find("my-notes--echo-text"), { text: "hi" })).toEqual({ text: "hi", isError: false });
  await box.close();
});

test("a Tool manifest gives an MCP tool its name, words and rules", async () => {
  const entries = entriesOf([
    ["McpServer", "notes", server()],
    [
      "Tool",
      "say",
      {
        type: "mcp",
        mcp_server_ref: "notes",
        mcp_tool_name: "echo_text",
        description: "Speaks",
        risk_level: "high",
        effect: "write",
        capabilities: ["voice"],
        runtime: { timeout: "5s" },
      },
    ],
  ]);
  const tool = (await open(entries, "say")).find("say");
  expect(facts(tool)).toEqual({ name: "say", effect: "write", classes: ["write"], timeoutMs: 5_000 });
  expect(tool?.definition.description).toBe("Speaks");
  expect(tool?.definition.inputSchema).toHaveProperty("properties.text");
  expect(tool?.capabilities).toEqual(["voice"]);
  expect(await run(tool, { text: "hi" })).toEqual({ text: "hi", isError: false });
});

test("calls an HTTP tool at the address that its manifest names", async () => {
  const web = await serve((response) => answerJson(response, 200, "ok"));
  const entries = entriesOf([["Tool", "web_search", { endpoint: web.url, operation_classes: ["read"] }]]);
  const tool = (await open(entries, "web_search")).find("web-search");
  expect(facts(tool)).toMatchObject({ name: "web_search", effect: "read", classes: ["read"] });
  expect(await run(tool)).toEqual({ text: '"ok"', isError: false });
});

test("an HTTP tool that says nothing of itself is a write for the ladder, and a read for its rules", async () => {
  const tool = (await open(entriesOf([["Tool", "t", { endpoint: "http://127.0.0.1:1/" }]]), "t")).find("t");
  expect(facts(tool)).toMatchObject({ effect: "write", classes: ["read"] });
});

test("a module is a read for the ladder, unless its manifest says more", async () => {
  const wasm = { module: "m.wasm" };
  const entries = entriesOf([
    ["Tool", "plain", { type: "wasm", wasm }],
    ["Tool", "said", { type: "wasm", wasm, effect: "write" }],
  ]);
  const box = await open(entries, "plain", "said");
  expect([box.find("plain")?.effect, box.find("said")?.effect]).toEqual(["read", "write"]);
  await expect(run(box.find("plain"))).rejects.toMatchObject({ code: "WASM_NOT_PINNED" });
});

async function digestFor(spec: Readonly<Record<string, unknown>>) {
  return (await open(entriesOf([["Tool", "t", spec]]), "t")).find("t")?.definitionDigest;
}

test("the digest of a definition changes with its words, not with its endpoint", async () => {
  const first = await digestFor({ endpoint: "http://127.0.0.1:1/", description: "A" });
  expect(await digestFor({ endpoint: "http://127.0.0.1:2/", description: "A" })).toBe(first);
  expect(await digestFor({ endpoint: "http://127.0.0.1:1/", description: "B" })).not.toBe(first);
});

test("names that nothing provides, and the memory's, are not in the box", async () => {
  const box = await open(entriesOf([["McpServer", "notes", server()]]), "notes--shred", "unheard-of", "memory.read");
  expect(["notes--shred", "unheard-of", "memory.read"].map((name) => box.find(name))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("tools that the filter leaves out do not exist", async () => {
  const entries = entriesOf([["McpServer", "notes", server("normal", { tool_filter: { include: ["echo_text"] } })]]);
  const box = await open(entries, "notes--echo-text", "notes--write");
  expect(box.find("notes--echo-text")).toBeDefined();
  expect(box.find("notes--write")).toBeUndefined();
});

test("two tools of one server that map to one name are refused, both named", async () => {
  const opening = open(entriesOf([["McpServer", "notes", server("twins")]]), "notes--echo-text");
  await expect(opening).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "TOOL_NAME_COLLISION",
    message: expect.stringMatching(/`echo_text`.*`echo.text`/),
  });
});

test("two servers whose tools map to one name are refused, both named", async () => {
  const opening = open(
    entriesOf([
      ["McpServer", "my_notes", server()],
      ["McpServer", "my-notes", server()],
    ]),
    "my-notes--write",
  );
  await expect(opening).rejects.toMatchObject({
    code: "TOOL_NAME_COLLISION",
    message: expect.stringMatching(/my_notes.*my-notes|my-notes.*my_notes/),
  });
});

test("an agent cannot have two tools that policies cannot tell apart", async () => {
  const entries = entriesOf([
    ["Tool", "web_search", { endpoint: "http://127.0.0.1:1/" }],
    ["Tool", "web-search", { endpoint: "http://127.0.0.1:2/" }],
  ]);
  await expect(open(entries, "web_search", "web-search")).rejects.toMatchObject({ code: "TOOL_NAME_COLLISION" });
  const one = entriesOf([["Tool", "web_search", { endpoint: "http://127.0.0.1:1/" }]]);
  expect((await open(one, "web_search", "Web-Search")).find("web.search")?.definition.name).toBe("web_search");
});

test("a pinned tool is called only while its definition is the pinned one", async () => {
  const free = await open(entriesOf([["McpServer", "notes", server()]]), "notes--echo-text");
  const pin = free.find("notes--echo-text")?.definitionDigest ?? "";
  const pinned = (value: string) =>
    entriesOf([["McpServer", "notes", server("normal", { pins: { echo_text: value } })]]);
  const good = await open(pinned(pin), "notes--echo-text");
  expect(await run(good.find("notes--echo-text"), { text: "hi" })).toMatchObject({ text: "hi" });
  const bad = await open(pinned("sha256:0000"), "notes--echo-text");
  await expect(run(bad.find("notes--echo-text"))).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "TOOL_DRIFTED",
  });
});

test("a large result is cut, and says how large it was", async () => {
  const box = await open(entriesOf([["McpServer", "notes", server("large")]]), "notes--echo-text");
  const result = await run(box.find("notes--echo-text"));
  expect(result?.text.slice(-105)).toContain("[truncated: the first 262144 of 2097152 bytes");
});

test("a tool that cannot work here is in the box and fails by name when it is called", async () => {
  const entries = entriesOf([
    ["Tool", "module", { type: "a2a" }],
    ["Tool", "orphan", { type: "mcp", mcp_server_ref: "gone", mcp_tool_name: "x" }],
  ]);
  const box = await open(entries, "module", "orphan");
  await expect(run(box.find("module"))).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "TOOL_TYPE_UNSUPPORTED",
  });
  await expect(run(box.find("orphan"))).rejects.toMatchObject({
    code: "TOOL_NOT_PROVIDED",
    message: expect.stringContaining("`gone`"),
  });
});

test("a server that is only an image fails the opening, and says what to do", async () => {
  const entries = entriesOf([["McpServer", "gmail", { transport: "stdio", image: "mcp/gmail" }]]);
  await expect(open(entries, "gmail--send")).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "IMAGE_NOT_ALLOWED",
    message: expect.stringContaining("this runner runs no image (--allow-image)"),
  });
});

test("a box that fails to open gives back the servers that it had opened", async () => {
  const entries = entriesOf([
    ["McpServer", "notes", server("normal", { idle_timeout: "1ms" })],
    ["McpServer", "gmail", { transport: "stdio", image: "mcp/gmail" }],
  ]);
  await expect(open(entries, "notes--write", "gmail--send")).rejects.toMatchObject({ code: "IMAGE_NOT_ALLOWED" });
  await allGone(log);
});
