import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { listRunners } from "../../store/runners.ts";
import { requestCancel } from "../../store/tasks.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

let server: TestRedis;
let world: World;
let tools: ToolServer;

beforeAll(async () => {
  server = await testRedis();
  tools = await openToolServer();
  tools.answerAtOnce();
});
afterAll(async () => {
  await tools.close();
  await server.stop();
});
beforeEach(() => {
  world = openWorld(server.url);
});
afterEach(() => world.close());

const three = [agent("a"), agent("b"), agent("c"), system("line", ["a", "b", "c"])];

describe("a runner", () => {
  it("takes a task through its agents, each with the output of the one before, and traces every step", async () => {
    await world.runner();
    const script = [
      { agent: "a", say: "first" },
      { agent: "b", say: "b read: {{input}}" },
      { agent: "c", say: "c read: {{input}}", tokens: { input: 7, output: 3 } },
    ];
    const ref = await world.start([...three, mockModel("mock", script)], "line");
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    expect(task.output?.["b"]).toBe("b read: Task input:\ntopic: clocks\n\nOutput of a:\nfirst");
    expect(task.output?.["last_output"]).toBe(task.output?.["c"]);
    expect(task.activations.map(({ id, phase, attempts }) => `${id} ${phase} ${attempts}`)).toEqual([
      "a#1 Done 1",
      "b#1 Done 1",
      "c#1 Done 1",
    ]);
    const events = await world.trace(ref);
    expect(typesOf(events, "c#1")).toEqual([
      "task.claimed",
      "agent.started",
      "turn.decided",
      "turn.decided",
      "model.called",
      "model.answered",
      "agent.finished",
    ]);
    expect(events.at(-1)?.type).toBe("task.succeeded");
    expect(await chainVerdict(world, ref)).toBe("intact");
    expect(task.tokens.output).toBeGreaterThanOrEqual(3);
  });

  it("fans out and in: the join runs once, after both branches, and reads both", async () => {
    await world.runner();
    const graph = { plan: { edges: [{ to: "x" }, { to: "y" }] }, x: { next: "merge" }, y: { next: "merge" } };
    const agents = ["plan", "x", "y", "merge"];
    const ref = await world.start(
      [...agents.map((name) => agent(name)), system("fan", agents, graph), mockModel("mock")],
      "fan",
    );
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    expect(task.activations.map(({ id }) => id).toSorted()).toEqual(["merge#1", "plan#1", "x#1", "y#1"]);
    expect(
      task.activations
        .find(({ agent: name }) => name === "merge")
        ?.messages.map(({ from }) => from)
        .toSorted(),
    ).toEqual(["x", "y"]);
    const events = await world.trace(ref);
    expect(events.filter(({ type }) => type === "join.opened")).toHaveLength(1);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("lets an agent call a tool and read its result", async () => {
    await world.runner();
    const script = [
      { turn: 1, call: [{ tool: "look", arguments: { q: "{{input}}" } }] },
      { turn: 2, say: "it says {{last}}" },
    ];
    const before = tools.keys.length;
    const manifests = [
      agent("a", { tools: ["look"] }),
      system("one", ["a"]),
      tools.tool("look"),
      mockModel("mock", script),
    ];
    const ref = await world.start(manifests, "one");
    const task = await world.ended(ref);
    expect(task.output?.["last_output"]).toMatch(/^it says .*"call":/);
    expect(tools.keys.length - before).toBe(1);
    const types = typesOf(await world.trace(ref));
    expect(types.slice(types.indexOf("tool.decided"))).toEqual([
      "tool.decided",
      "tool.called",
      "tool.answered",
      "turn.decided",
      "model.called",
      "model.answered",
      "agent.finished",
      "task.succeeded",
    ]);
  });

  it("stops the task where policy denies a tool, never calls it, and says why", async () => {
    await world.runner();
    const before = tools.keys.length;
    const ref = await world.start(
      [
        agent("a", { tools: ["look"] }),
        system("one", ["a", "b"]),
        agent("b"),
        tools.tool("look"),
        mockModel("mock", [{ agent: "a", call: [{ tool: "look" }] }]),
        manifest("AgentPolicy", "no-look", { apply_mode: "global", blocked_tools: ["look"] }),
      ],
      "one",
    );
    const task = await world.ended(ref);
    expect(task.phase).toBe("Failed");
    expect(task.lastError?.code).toBe("TOOL_BLOCKED");
    expect(task.lastError?.details).toMatchObject({ tool: "look", policy: "AgentPolicy/default/no-look" });
    expect(tools.keys.length).toBe(before);
    const events = await world.trace(ref);
    expect(typesOf(events).slice(-4)).toEqual(["tool.decided", "tool.denied", "agent.failed", "task.failed"]);
    expect(task.activations).toHaveLength(1);
  });

  it("tells the model of a denial and goes on where the policy says refuse", async () => {
    await world.runner();
    const ref = await world.start(
      [
        agent("a", { tools: ["look"] }),
        system("one", ["a"]),
        tools.tool("look"),
        mockModel("mock", [
          { turn: 1, call: [{ tool: "look" }] },
          { turn: 2, say: "{{last}}" },
        ]),
        manifest("AgentPolicy", "no-look", { apply_mode: "global", blocked_tools: ["look"], on_violation: "refuse" }),
      ],
      "one",
    );
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    expect(JSON.parse(task.output?.["last_output"] ?? "")).toMatchObject({ status: "denied", code: "TOOL_BLOCKED" });
  });

  it("fails a task whose model refuses the key, at once and by name", async () => {
    await world.runner();
    let calls = 0;
    const provider = createServer((request, response) => {
      calls += 1;
      request.resume();
      response.writeHead(401, { "content-type": "application/json" }).end('{"error":{"message":"bad key"}}');
    });
    provider.listen(0, "127.0.0.1");
    await once(provider, "listening");
    const { port } = provider.address() as AddressInfo;
    const model = manifest("ModelEndpoint", "mock", {
      provider: "openai",
      base_url: `http://127.0.0.1:${port}/v1`,
      allow_private: true,
      default_model: "gpt-4o",
      auth: { secret_ref: "key" },
    });
    const secret = manifest("Secret", "key", { string_data: { value: "sk-wrong-key-canary" } });
    const ref = await world.start([agent("a"), system("one", ["a"]), model, secret], "one", { maxAttempts: 3 });
    const task = await world.ended(ref);
    provider.close();
    expect(task.phase).toBe("Failed");
    expect(task.lastError?.code).toBe("MODEL_AUTH");
    expect(calls).toBe(1);
    const events = await world.trace(ref);
    expect(events.find(({ type }) => type === "model.failed")?.["code"]).toBe("MODEL_AUTH");
    expect(JSON.stringify(events)).not.toContain("sk-wrong-key-canary");
  });

  it("tries a model again that is rate limited, each try a gated step of its own", async () => {
    await world.runner({ random: () => 0.01 });
    const script = [{ fail: { code: "rate_limited", times: 2 }, say: "at last" }];
    const ref = await world.start([agent("a"), system("one", ["a"]), mockModel("mock", script)], "one");
    const task = await world.ended(ref);
    expect(task.output?.["last_output"]).toBe("at last");
    const events = await world.trace(ref);
    const steps = events.filter(({ type }) => type === "model.called").map(({ step }) => step);
    expect(steps).toEqual(["m1", "m1.r1", "m1.r2"]);
    expect(typesOf(events).filter((type) => type === "retry.scheduled")).toHaveLength(2);
  });

  it("puts a task whose model never comes back into the dead letters, after its attempts", async () => {
    await world.runner({ random: () => 0.01 });
    const script = [{ fail: { code: "server_error" } }];
    const ref = await world.start([agent("a"), system("one", ["a"]), mockModel("mock", script)], "one", {
      maxAttempts: 2,
      retryBackoffMs: 50,
    });
    const task = await world.ended(ref);
    expect([task.phase, task.lastError?.code, task.attempts]).toEqual(["DeadLetter", "MODEL_UNAVAILABLE", 2]);
    const events = await world.trace(ref);
    expect(events.filter(({ type }) => type === "model.called")).toHaveLength(6);
    expect(events.at(-1)?.type).toBe("task.dead_lettered");
  });

  it("cancels a running task, long before its lease is renewed: the call under way is aborted and nothing follows", async () => {
    await world.runner({ leaseMs: 60_000 });
    const script = [{ agent: "a", latency: "60s", say: "late" }];
    const ref = await world.start([...three, mockModel("mock", script)], "line");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    expect(await requestCancel(world.redis, ref, "ada")).toBe("requested");
    const task = await world.ended(ref, 5_000);
    expect(task.phase).toBe("Cancelled");
    expect(task.activations.map(({ id }) => id)).toEqual(["a#1"]);
    expect((await world.trace(ref)).at(-1)).toMatchObject({ type: "task.cancelled", by: "ada" });
  });

  it("names the definition that a task lacks", async () => {
    await world.runner();
    const ref = await world.start([agent("a"), system("one", ["a"])], "one");
    const task = await world.ended(ref);
    expect(task.lastError).toMatchObject({ code: "DEFINITION_MISSING" });
    expect(task.lastError?.message).toContain("ModelEndpoint `mock`");
  });

  it("ends an agent that asks for tools for ever, at its bound", async () => {
    await world.runner();
    const manifests = [
      agent("a", { tools: ["look"], limits: { max_steps: 3 } }),
      system("one", ["a"]),
      tools.tool("look", { effect: "read" }),
      mockModel("mock", [{ call: [{ tool: "look" }] }]),
    ];
    const ref = await world.start(manifests, "one");
    const task = await world.ended(ref);
    expect([task.phase, task.lastError?.code]).toEqual(["Failed", "MAX_STEPS"]);
    expect((await world.trace(ref)).filter(({ type }) => type === "model.called")).toHaveLength(3);
  });

  it("finishes a loop at the task's max_turns", async () => {
    await world.runner();
    const graph = { boss: { edges: [{ to: "one" }, { to: "two" }] }, one: { next: "boss" }, two: { next: "boss" } };
    const manifests = [
      agent("boss"),
      agent("one"),
      agent("two"),
      system("swarm", ["boss", "one", "two"], graph),
      mockModel("mock"),
    ];
    const ref = await world.start(manifests, "swarm", { maxTurns: 2 });
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    expect(task.activations.map(({ id }) => id).toSorted()).toEqual([
      "boss#1",
      "boss#2",
      "one#1",
      "one#2",
      "two#1",
      "two#2",
    ]);
  });

  it("lets a policy that was tightened hold for a task that runs already, and one that was loosened not", async () => {
    await world.runner();
    const script = [
      { turn: 1, call: [{ tool: "look" }], latency: "10ms" },
      { turn: 2, call: [{ tool: "look" }], latency: "1500ms" },
      { say: "done" },
    ];
    const definitions = [
      agent("a", { tools: ["look"] }),
      system("one", ["a"]),
      tools.tool("look"),
      mockModel("mock", script),
    ];
    const ref = await world.start(definitions, "one");
    await world.until(ref, ({ trace }) => trace.seq >= 9);
    await world.apply([
      ...definitions,
      manifest("AgentPolicy", "no-look", { apply_mode: "global", blocked_tools: ["look"] }),
    ]);
    const task = await world.ended(ref);
    expect(task.lastError?.code).toBe("TOOL_BLOCKED");
    expect((await world.trace(ref)).filter(({ type }) => type === "tool.called")).toHaveLength(1);

    const blocked = [
      ...definitions,
      manifest("AgentPolicy", "no-look", { apply_mode: "global", blocked_tools: ["look"] }),
    ];
    await world.apply(definitions);
    expect((await world.ended(await world.start(blocked, "one"))).lastError?.code).toBe("TOOL_BLOCKED");
  });

  it("announces itself, and is gone from the list once it has stopped", async () => {
    const runner = await world.runner({ id: "hall", announced: { region: "eu", gpu: true, models: ["m"] } });
    await expect
      .poll(() => listRunners(world.redis, world.env))
      .toMatchObject([{ id: "hall", region: "eu", gpu: true }]);
    await runner.drain(1_000);
    expect(await listRunners(world.redis, world.env)).toEqual([]);
  });
});
