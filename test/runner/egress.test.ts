// Hosts that calls may reach and Secrets that they may use, where it counts: what a policy forbids is never connected to.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRecord, TaskRef } from "../../contracts/task.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { serve } from "./tools/http-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, type World } from "./world.ts";

describeWithRedis("egress and secrets", () => {
  let server: TestRedis;
  let tools: ToolServer;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tools = await openToolServer();
    tools.answerAtOnce("ok");
    world = openWorld(server.url);
    await world.runner();
  });
  afterEach(async () => {
    await world.close();
    await tools.close();
  });

  const guard = (spec: Readonly<Record<string, unknown>>): Manifest =>
    manifest("AgentPolicy", "guard", { apply_mode: "global", on_violation: "refuse", ...spec });
  const key = manifest("Secret", "key", { string_data: { value: "s3cret-value" } });

  async function play(manifests: readonly Manifest[], tool: string, args: Readonly<Record<string, unknown>> = {}) {
    const model = mockModel("mock", [{ turn: 1, call: [{ tool, arguments: args }] }, { say: "{{last}}" }]);
    const solo = [agent("solo", { tools: [tool] }), system("one", ["solo"]), model];
    return ended(await world.start([...solo, ...manifests], "one"));
  }

  async function ended(
    ref: TaskRef,
  ): Promise<{ readonly ref: TaskRef; readonly task: TaskRecord; readonly said: string }> {
    const task = await world.ended(ref);
    expect(await chainVerdict(world, ref)).toBe("intact");
    return { ref, task, said: task.output?.["last_output"] ?? task.lastError?.message ?? "" };
  }

  it("lets an HTTP tool be called where its host is allowed, and not where it is not", async () => {
    const look = tools.tool("look", { effect: "read" });
    const inside = guard({ egress: { allow_hosts: ["127.0.0.1"], ports: [Number(new URL(tools.url).port)] } });
    expect((await play([look, inside], "look")).said).toBe("ok");
    const denied = await play([look, guard({ egress: { allow_hosts: ["api.example.com"] } })], "look");
    expect(denied.said).toContain("EGRESS_DENIED");
    expect(tools.keys).toHaveLength(1);
    const decided = (await world.trace(denied.ref)).find(({ type }) => type === "tool.decided");
    expect(Object.keys(decided?.["request"] as object).toSorted()).toEqual([
      "realPaths",
      "system",
      "task",
      "tool",
      "usage",
    ]);
    expect(decided?.["request"]).toMatchObject({ tool: { name: "look", known: true } });
  });

  it("judges the arguments that the Tool says are URLs", async () => {
    const fetch = tools.tool("fetch", { effect: "read", url_arguments: ["url"] });
    const policy = guard({ egress: { allow_hosts: ["127.0.0.1", "*.example.com"] } });
    expect((await play([fetch, policy], "fetch", { url: "https://a.example.com/" })).said).toBe("ok");
    expect((await play([fetch, policy], "fetch", { url: "https://evil.test/?https://a.example.com/" })).said).toContain(
      "EGRESS_DENIED",
    );
    expect(tools.keys).toHaveLength(1);
  });

  it("asks no model at an address that is not allowed", async () => {
    const asked = await serve((response) => void response.writeHead(500).end());
    const model = manifest("ModelEndpoint", "mock", {
      provider: "openai-compatible",
      default_model: "m",
      base_url: `${asked.url}/v1`,
    });
    const manifests = [agent("solo"), system("one", ["solo"]), model, guard({ egress: { allow_hosts: [] } })];
    const { task } = await ended(await world.start(manifests, "one"));
    expect(task).toMatchObject({ phase: "Failed", lastError: { code: "EGRESS_DENIED" } });
    expect(asked.asked).toEqual([]);
  });

  it("connects to no MCP server there, also not to ask for its tools, and starts none as a process", async () => {
    const asked = await serve((response) => void response.writeHead(500).end());
    const remote = manifest("McpServer", "far", { transport: "http", endpoint: asked.url });
    const { task } = await play([remote, guard({ egress: { allow_hosts: ["mcp.example"] } })], "far--look");
    expect(task.lastError).toMatchObject({
      code: "EGRESS_DENIED",
      message: expect.stringContaining("McpServer default/far"),
    });
    expect(asked.asked).toEqual([]);
    const local = manifest("McpServer", "near", { transport: "stdio", command: "/nowhere/at/all" });
    const sealed = guard({ egress: { allow_hosts: [], processes: "deny" } });
    expect((await play([local, sealed], "near--look")).task.lastError).toMatchObject({ code: "EGRESS_DENIED" });
  });

  it("uses no Secret that a policy does not grant: of tools, models and servers", async () => {
    const auth = { auth: { secret_ref: "key" } };
    const look = tools.tool("look", { effect: "read", ...auth });
    const none = guard({ allowed_secrets: ["other"] });
    expect((await play([look, key, guard({ allowed_secrets: ["key"] })], "look")).said).toBe("ok");
    const { task, said } = await play([look, key, none], "look");
    expect([task.phase, said]).toEqual(["Succeeded", expect.stringContaining("SECRET_NOT_GRANTED")]);
    const far = manifest("McpServer", "far", { transport: "http", endpoint: tools.url, ...auth });
    expect((await play([far, key, none], "far--look")).task.lastError).toMatchObject({ code: "SECRET_NOT_GRANTED" });
    // Not even looked up: it has no value here.
    const gone = manifest("Secret", "gone", { from: { value: { env: "GONE_API_KEY" } } });
    const model = manifest("ModelEndpoint", "mock", {
      provider: "openai-compatible",
      default_model: "m",
      base_url: tools.url,
      auth: { secret_ref: "gone" },
    });
    const asking = [agent("solo"), system("one", ["solo"]), model, gone, none];
    expect((await ended(await world.start(asking, "one"))).task.lastError).toMatchObject({
      code: "SECRET_NOT_GRANTED",
    });
    expect(tools.keys).toHaveLength(1);
  });

  it("holds back what an agent may not read, which its own tool returned or another agent sends", async () => {
    const inbox = tools.tool("inbox", { effect: "read", returns: ["private"] });
    tools.answerAtOnce("the private mail");
    const model = mockModel("mock", [
      { agent: "reader", turn: 1, call: [{ tool: "inbox", arguments: {} }] },
      { agent: "web", turn: 1, call: [{ tool: "inbox", arguments: {} }] },
      { say: "{{last}}" },
    ]);
    const policy = guard({ flow: [{ data: ["private"], to: { agents: ["web"] } }] });
    const crew = [inbox, agent("reader", { tools: ["inbox"] }), agent("web", { tools: ["inbox"] }), model, policy];
    const alone = await ended(await world.start([...crew, system("one", ["web"])], "one"));
    expect(alone.said).toContain("FLOW_VIOLATION");
    expect(alone.said).not.toContain("the private mail");
    const line = await ended(await world.start([...crew, system("one", ["reader", "web"])], "one"));
    expect(line.task).toMatchObject({ phase: "Failed", lastError: { code: "FLOW_VIOLATION" } });
  });

  it("acts on no answer of a model that overspent", async () => {
    const model = mockModel("mock", [{ say: "done", tokens: { input: 90_000, output: 20_000 } }]);
    const manifests = [agent("solo"), system("one", ["solo"]), model, guard({ max_tokens_per_run: 100_000 })];
    const { task } = await ended(await world.start(manifests, "one"));
    expect(task).toMatchObject({ phase: "Failed", output: null, lastError: { code: "BUDGET_TOKENS" } });
  });
});
