// A secret that is changed while its runner runs: the next call of a tool, of a model, of one that makes
// embeddings and of an MCP server has the new value.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { testRedis } from "../redis.ts";
import { isAlive } from "../runner/mcp/servers.ts";
import { agent, manifest, openWorld, system, type World } from "../runner/world.ts";
import { AGE_IDENTITY } from "../sealed.ts";
import { installSops, writeSops } from "../sops.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

const HOSTILE = join(import.meta.dirname, "../fixtures/mcp/hostile-server.mjs");
const BOUND_MS = 60_000;

let redis: Awaited<ReturnType<typeof testRedis>>;
let world: World;
let room: Room;
let runner: ChildProcess;
let server: Server;
/** What each call carried, in their order. */
const seen = { model: [] as string[], vectors: [] as string[], tool: [] as string[] };

beforeAll(async () => {
  redis = await testRedis();
  world = openWorld(redis.url);
  room = commandRoom();
  mkdirSync(join(room.folder, "secrets"));
  await installSops(join(room.folder, "bin"));
  writeFileSync(join(room.folder, "runner.age"), AGE_IDENTITY);
  await rotate("old");
  server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  runner = await startRunner();
}, BOUND_MS);
afterAll(async () => {
  runner.kill("SIGTERM");
  await once(runner, "exit");
  await world.close();
  server.close();
  await redis.stop();
  room.remove();
});

async function rotate(value: string): Promise<void> {
  writeFileSync(join(room.folder, "secrets", "key"), `${value}-key`);
  await writeSops(join(room.folder, "secrets", "prod.enc.yaml"), { token: `${value}-token` }, AGE_IDENTITY);
}

async function startRunner(): Promise<ChildProcess> {
  const words = ["runner", "--private-host", "127.0.0.1", "--secret-dir", "secrets", "--age-identity", "runner.age"];
  const env = {
    PATH: `${join(room.folder, "bin")}:${process.env["PATH"] ?? ""}`,
    COUNTWHEEL_HOME: join(room.folder, ".countwheel"),
    COUNTWHEEL_REDIS_URL: redis.url,
    COUNTWHEEL_ENV: world.env,
  };
  const child = spawn(process.execPath, [...ENTRY, ...words], {
    cwd: room.folder,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  await once(child.stderr, "data");
  return child;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  await once(request, "end");
  const carried = String(request.headers.authorization);
  if (request.url === "/tool") {
    seen.tool.push(carried);
    await rotate("new");
    response.end("done");
    return;
  }
  if (request.url === "/vectors/embeddings") {
    seen.vectors.push(carried);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ model: "e", data: [{ index: 0, embedding: [1, 0] }], usage: { prompt_tokens: 1 } }));
    return;
  }
  seen.model.push(carried);
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(streamed(seen.model.length < 3 ? ["env--echo_text", "memory_search", "tool"] : []));
}

/** The model's turn: these calls, one after the other, or its last word. */
function streamed(calls: readonly string[]): string {
  const tool_calls = calls.map((name, index) => ({
    index,
    id: `${name}-${seen.model.length}`,
    type: "function",
    // Others each time: the same call would not be made twice.
    function: {
      name,
      arguments: JSON.stringify({ [name === "memory_search" ? "query" : "text"]: `turn ${seen.model.length}` }),
    },
  }));
  const delta = calls.length > 0 ? { role: "assistant", tool_calls } : { role: "assistant", content: "done" };
  const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o" };
  const ended = [{ index: 0, delta: {}, finish_reason: calls.length > 0 ? "tool_calls" : "stop" }];
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const events = [
    { ...chunk, choices: [{ index: 0, delta, finish_reason: null }] },
    { ...chunk, choices: ended, usage },
  ];
  return `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`;
}

it("counts at the next call, in the midst of a task and without a restart of the runner", {
  timeout: BOUND_MS,
}, async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const log = join(room.folder, "servers.log");
  const bearer = (secret_ref: string) => ({ auth: { profile: "bearer", secret_ref } });
  const endpoint = (name: string, place: string, default_model: string) =>
    manifest("ModelEndpoint", name, {
      provider: place === "model" ? "openai" : "openai-compatible",
      base_url: `${url}/${place}`,
      allow_private: true,
      default_model,
      ...bearer("keys:model"),
    });
  const ref = await world.start(
    [
      agent("a", { model_ref: "gpt", tools: ["env--echo_text", "tool"], memory: { ref: "notes", allow: ["search"] } }),
      system("one", ["a"]),
      manifest("Secret", "keys", { from: { model: { file: "key" }, token: { sops: "prod.enc.yaml" } } }),
      endpoint("gpt", "model", "gpt-4o"),
      endpoint("embedder", "vectors", "e"),
      manifest("Memory", "notes", { provider: "redis", embedding_model: "embedder" }),
      manifest("Tool", "tool", { type: "http", endpoint: `${url}/tool`, effect: "read", ...bearer("keys:token") }),
      manifest("McpServer", "env", {
        transport: "stdio",
        command: process.execPath,
        args: [HOSTILE, "given", log],
        idle_timeout: "0",
        env: [
          { name: "TOKEN", secret_ref: "keys:token" },
          { name: "TOKEN_FILE", secret_ref: "keys:model", mount_path: "key" },
        ],
      }),
    ],
    "one",
  );
  expect(await world.ended(ref, BOUND_MS)).toMatchObject({ phase: "Succeeded", output: { last_output: "done" } });
  expect(seen).toEqual({
    model: ["Bearer old-key", "Bearer new-key", "Bearer new-key"],
    vectors: ["Bearer old-key", "Bearer new-key"],
    tool: ["Bearer old-token", "Bearer new-token"],
  });
  const told = readFileSync(log, "utf8").split("\n");
  expect(told.filter((line) => line.startsWith("given "))).toEqual([
    "given old-token old-key",
    "given new-token new-key",
  ]);
  const pids = told.filter((line) => line.startsWith("start ")).map((line) => Number(line.slice(6)));
  expect(pids).toHaveLength(2);
  // The one with the old value is gone, though its manifest says that it may be idle for ever; the other one stays.
  await vi.waitUntil(() => !isAlive(pids[0] ?? 0), { timeout: 5_000, interval: 10 });
  expect([isAlive(pids[1] ?? 0), runner.exitCode]).toEqual([true, null]);
});
