// `countwheel mcp` as other agents meet it: the built command, spoken to by the SDK's own client.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../cli/config.ts";
import { type OfferedAt, serveHttp } from "../../runner/offered/serve-http.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

const SECRET = "kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: canary-4711}}\n";
const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const AGENT = "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: m, prompt: p}\n";

describeWithRedis("countwheel mcp", () => {
  let redis: TestRedis;
  let room: Room;
  let clients: Client[];
  let variables: Readonly<Record<string, string>>;

  beforeAll(async () => {
    redis = await testRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(() => {
    clients = [];
    variables = { COUNTWHEEL_REDIS_URL: redis.url, COUNTWHEEL_ENV: `t-${randomUUID().slice(0, 8)}` };
    room = commandRoom(variables);
    room.write({ "agents/m.yaml": MODEL, "agents/a.yaml": AGENT });
  });
  afterEach(async () => {
    for (const client of clients) await client.close();
    room.remove();
  });

  async function connect(...words: readonly string[]): Promise<Client> {
    const client = new Client({ name: "test", version: "0" });
    const env = { PATH: process.env["PATH"] ?? "", COUNTWHEEL_HOME: join(room.folder, ".countwheel"), ...variables };
    const args = [...ENTRY, "mcp", ...words];
    await client.connect(
      new StdioClientTransport({ command: process.execPath, args, cwd: room.folder, env, stderr: "ignore" }),
    );
    clients.push(client);
    return client;
  }

  async function call(client: Client, name: string, args: Readonly<Record<string, unknown>> = {}) {
    const { content, isError } = (await client.callTool({ name, arguments: args })) as CallToolResult;
    const [part] = content;
    return { isError: isError === true, text: part?.type === "text" ? part.text : "" };
  }

  it("offers looking, and nothing that changes anything, unless it is told to", async () => {
    const { tools } = await (await connect()).listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "plan",
      "validate",
      "get",
      "describe",
      "trace",
      "access",
      "why",
      "drift",
      "history",
      "explain",
    ]);
    expect(tools.every(({ annotations }) => annotations?.readOnlyHint === true)).toBe(true);
    const more = await (await connect("--allow", "apply", "approve", "run")).listTools();
    const changing = more.tools.filter(({ annotations }) => annotations?.readOnlyHint === false);
    expect(changing.map(({ name }) => name)).toEqual(["approve", "deny", "run", "apply"]);
    expect(await call(clients[0] as Client, "apply", { digest: `sha256:${"0".repeat(64)}` })).toMatchObject({
      isError: true,
      text: expect.stringContaining("TOOL_UNKNOWN"),
    });
  });

  it("answers as the command does, with the same bytes", async () => {
    const client = await connect();
    const said = await room.run("plan", "agents", "-o", "markdown");
    expect(await call(client, "plan", { path: "agents", format: "markdown" })).toEqual({
      isError: false,
      text: said.stdout,
    });
    expect((await call(client, "plan", { path: "agents" })).text).toContain(
      "Plan: 2 to create, 0 to update, 0 to move, 0 to prune.",
    );
    expect((await call(client, "explain", { subject: "TOOL_BLOCKED" })).text).toContain("blocked_tools");
    expect(JSON.parse((await call(client, "get", { kind: "agents" })).text)).toEqual({ formatVersion: "1", items: [] });
  });

  it("gives problems of manifests as an answer, and failures as errors", async () => {
    room.write({ "agents/bad.yaml": "kind: Agent\nmetadata: {name: b}\nspec: {model_ref: nothing, prompt: p}\n" });
    const client = await connect();
    expect(await call(client, "validate", { path: "agents" })).toMatchObject({
      isError: false,
      text: expect.stringContaining("DANGLING_REFERENCE"),
    });
    expect(await call(client, "trace", { task: "nothing" })).toMatchObject({ isError: true });
    expect(await call(client, "get", { kind: "agnets" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("agent"),
    });
  });

  it("lets no client look outside of its folder, nor make options of its words", async () => {
    symlinkSync("/etc", join(room.folder, "etc"));
    const client = await connect();
    for (const path of ["/etc", "..", "agents/../..", "etc", "etc/ssl"]) {
      expect(await call(client, "validate", { path })).toMatchObject({
        isError: true,
        text: expect.stringContaining("PATH_REFUSED"),
      });
    }
    expect(await call(client, "describe", { kind: "agent", name: "--help" })).toMatchObject({ isError: true });
    expect(await call(client, "get", { kind: "agents", namespace: "--help" })).toMatchObject({ isError: false });
    expect(await call(client, "plan", { path: "agents", out: "x" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("TOOL_ARGUMENTS_INVALID"),
    });
  });

  /** Says it all at once, as a script does, and closes. Ends only when the process does. */
  async function pipe(said: readonly unknown[], stop?: "SIGTERM") {
    const env = { PATH: process.env["PATH"] ?? "", COUNTWHEEL_HOME: join(room.folder, ".countwheel"), ...variables };
    const child = spawn(process.execPath, [...ENTRY, "mcp"], {
      cwd: room.folder,
      env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    let out = "";
    child.stdout.on("data", (bytes: Buffer) => {
      out += bytes.toString("utf8");
      if (stop !== undefined) child.kill(stop);
    });
    const text = said.map((one) => `${JSON.stringify(one)}\n`).join("");
    if (stop === undefined) child.stdin.end(text);
    else child.stdin.write(text);
    const [code] = (await once(child, "close")) as [number | null];
    const lines = out.split("\n").filter((line) => line !== "");
    return { code, ids: lines.map((line) => (JSON.parse(line) as { id: number }).id), out };
  }

  const HELLO = [
    {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "0" } },
    },
    { jsonrpc: "2.0", method: "notifications/initialized" },
  ];
  const asked = (id: number, name: string) => ({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: { path: "agents" } },
  });

  it("answers what it was asked before its input ended, and ends then", async () => {
    const { code, ids, out } = await pipe([...HELLO, asked(2, "plan"), asked(3, "validate")]);
    expect([code, ids.toSorted((a, b) => a - b)]).toEqual([0, [1, 2, 3]]);
    expect(out).toContain("Plan: 2 to create");
  });

  it("ends at once where it is stopped in the middle of a call, and leaves no connection open", async () => {
    expect(await pipe([...HELLO, asked(2, "plan")], "SIGTERM")).toMatchObject({ code: 0 });
  });

  it("shows no secret", async () => {
    room.write({ "agents/s.yaml": SECRET });
    await room.run("apply", "agents", "--yes");
    const client = await connect();
    const looks = [
      await call(client, "plan", { path: "agents", format: "json" }),
      await call(client, "get", { kind: "secrets" }),
      await call(client, "describe", { kind: "secret", name: "s" }),
    ];
    for (const { text, isError } of looks) {
      expect(isError).toBe(false);
      expect(text).not.toContain("canary-4711");
    }
  });

  it("applies exactly the plan that was shown, and no other", async () => {
    const client = await connect("--allow", "apply");
    const { digest } = JSON.parse((await call(client, "plan", { path: "agents", format: "json" })).text);
    room.write({ "agents/b.yaml": AGENT.replace("name: a", "name: b") });
    expect(await call(client, "apply", { path: "agents", digest })).toMatchObject({
      isError: true,
      text: expect.stringContaining("STALE_PLAN"),
    });
    const next = JSON.parse((await call(client, "plan", { path: "agents", format: "json" })).text);
    expect(await call(client, "apply", { path: "agents", digest: next.digest })).toMatchObject({ isError: false });
    expect(JSON.parse((await call(client, "get", { kind: "agents" })).text).items).toHaveLength(2);
    expect((await call(client, "plan", { path: "agents" })).text).toContain("No changes.");
  });
});

describe("countwheel mcp over HTTP", () => {
  const TOKEN = "a-token-that-nobody-guesses";
  let offered: OfferedAt | undefined;
  afterEach(async () => {
    await offered?.stop();
  });

  const OFFER = {
    version: "0",
    instructions: "",
    tools: [
      {
        name: "echo",
        description: "says it again",
        inputSchema: { type: "object" as const },
        readOnly: true,
        answer: (args: Readonly<Record<string, unknown>>) =>
          Promise.resolve({ text: JSON.stringify(args), isError: false }),
      },
    ],
  };

  const NO_TOKENS = { host: "127.0.0.1", port: 0, requiresToken: false, admit: () => Promise.resolve(undefined) };

  async function open(token: string | undefined): Promise<string> {
    offered = await serveHttp(OFFER, { ...NO_TOKENS, token });
    return offered.url;
  }

  const asks = (
    url: string,
    headers: Readonly<Record<string, string>>,
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  ) =>
    fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    });

  it("answers the SDK's client, request by request", async () => {
    const client = new Client({ name: "test", version: "0" });
    const headers = { Authorization: `Bearer ${TOKEN}` };
    await client.connect(new StreamableHTTPClientTransport(new URL(await open(TOKEN)), { requestInit: { headers } }));
    const { content } = await client.callTool({ name: "echo", arguments: { a: 1 } });
    expect(content).toEqual([{ type: "text", text: '{"a":1}' }]);
    await client.close();
  });

  it("answers nobody without its token, no page of a browser, and no name that leads here", async () => {
    const url = await open(TOKEN);
    expect((await asks(url, {})).status).toBe(401);
    expect((await asks(url, { authorization: "Bearer wrong" })).status).toBe(401);
    expect((await asks(url, { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await asks(url, { authorization: `Bearer ${TOKEN}`, origin: "https://evil.example" })).status).toBe(403);
    await offered?.stop();
    const open2 = await open(undefined);
    expect((await asks(open2, { origin: "https://evil.example" })).status).toBe(403);
    expect((await asks(open2, {})).status).toBe(200);
    expect((await asks(open2.replace("/mcp", "/other"), {})).status).toBe(404);
    expect((await fetch(open2)).status).toBe(405);
  });

  it("reads no body without bound, and outlives what is no request", async () => {
    const url = await open(undefined);
    expect((await asks(url, {}, `"${"x".repeat(2 * 1024 * 1024)}"`)).status).toBe(413);
    expect((await asks(url, {}, "{")).status).toBe(400);
    expect((await asks(url, {}, "[1,2]")).status).toBe(400);
    expect((await asks(url, {})).status).toBe(200);
  });

  it("listens where others can reach it only with a token", async () => {
    await expect(serveHttp(OFFER, { ...NO_TOKENS, host: "0.0.0.0", token: undefined })).rejects.toMatchObject({
      code: "TOKEN_MISSING",
    });
    expect(readConfig({ COUNTWHEEL_MCP_TOKEN: "short" }).problems).toHaveLength(1);
    expect(readConfig({ COUNTWHEEL_MCP_TOKEN: TOKEN }).problems).toEqual([]);
  });
});
