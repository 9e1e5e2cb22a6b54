// What becomes of a task where its ground gives way: its model's server, its MCP server, its definitions.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import { withWorlds } from "../redis.ts";
import { agent, manifest, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

const CANARY = "sk-canary-0123456789";
const KEY = manifest("Secret", "key", { string_data: { value: CANARY } });

let world: World;

withWorlds(openWorld, (opened) => {
  world = opened;
});

function mcpServer(script: string): ReturnType<typeof manifest> {
  return manifest("McpServer", "broken", {
    transport: "stdio",
    command: process.execPath,
    args: ["-e", script],
    env: [{ name: "TOKEN", secret_ref: "key" }],
    reconnect: { max_attempts: 1 },
  });
}

const onBroken = [agent("a", { tools: ["broken--x"] }), system("one", ["a"]), mockModel("mock"), KEY];

/** Answers every request with this status, and quotes the key. */
async function openProvider(status: number): Promise<{ readonly url: string; readonly http: Server }> {
  const http = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: `it says ${CANARY}` } }));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`, http };
}

async function everythingWritten(ref: TaskRef): Promise<string> {
  return JSON.stringify([await world.task(ref), await world.trace(ref)]);
}

describe("a task", () => {
  it("whose MCP server never starts ends after its attempts", async () => {
    await world.runner();
    const manifests = [...onBroken, mcpServer("process.exit(3)")];
    const task = await world.ended(await world.start(manifests, "one", { maxAttempts: 2 }));
    expect([task.phase, task.lastError?.code, task.attempts]).toEqual(["DeadLetter", "MCP_CLOSED", 2]);
  });

  it("keeps a secret that its MCP server prints before it dies out of the trace and the record", async () => {
    await world.runner();
    const script = "console.error('cannot log in with ' + process.env.TOKEN); process.exitCode = 3";
    const ref = await world.start([...onBroken, mcpServer(script)], "one");
    const task = await world.ended(ref);
    expect(task.lastError?.message).toContain("cannot log in with [secret]");
    expect(await everythingWritten(ref)).not.toContain(CANARY);
  });

  it.each([400, 503])(
    "keeps a key that its model's server quotes (%i) out of the trace and the record",
    async (status) => {
      await world.runner({ random: () => 0.01 });
      const { url, http } = await openProvider(status);
      const auth = { secret_ref: "key" };
      const model = { provider: "openai", base_url: url, allow_private: true, default_model: "gpt-4o", auth };
      const ref = await world.start(
        [agent("a"), system("one", ["a"]), manifest("ModelEndpoint", "mock", model), KEY],
        "one",
      );
      const task = await world.ended(ref);
      http.close();
      expect(task.lastError?.message).toContain("it says [secret]");
      expect(await everythingWritten(ref)).not.toContain(CANARY);
    },
  );

  it("whose graph cannot be read fails before anything is done", async () => {
    await world.runner();
    const ref = await world.start([agent("a"), system("one", ["a"]), mockModel("mock")], "one", { system: "gone" });
    const task = await world.ended(ref);
    expect([task.phase, task.lastError?.code]).toEqual(["Failed", "DEFINITION_MISSING"]);
    expect(typesOf(await world.trace(ref))).not.toContain("model.called");
  });
});
