// Runners and answers that are lost around an approval: asked once, used once, whoever dies, and whenever.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import { answerApproval } from "../../store/approvals/answer-approval.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { type RedisProxy, redisProxy } from "../faults/redis-proxy.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "../runner/tool-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "../runner/world.ts";

let server: TestRedis;
let proxy: RedisProxy;
let world: World;
let tools: ToolServer;
let queue: ActivationQueue;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await redisProxy(server.url);
  tools = await openToolServer();
  tools.answerAtOnce("paid");
  world = openWorld(server.url);
  queue = openQueue(world.redis, world.env);
});
afterEach(async () => {
  // So that the runner that was cut off can be closed without waiting for a server that never comes back.
  proxy.judge = () => "pass";
  proxy.open = true;
  await world.close();
  await queue.close();
  await tools.close();
  await proxy.stop();
});

async function start(): Promise<TaskRef> {
  const rules = [{ match: { tools: ["pay"] }, effect: "ask" }];
  const policy = manifest("AgentPolicy", "careful", { apply_mode: "global", rules });
  const script = [
    { turn: 1, call: [{ tool: "pay" }] },
    { turn: 2, say: "done" },
  ];
  const pay = tools.tool("pay", { effect: "write" });
  return world.start(
    [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script), pay, policy],
    "one",
  );
}

/** From the command that holds this text on, the runner behind the proxy is cut off for good, before or after it. */
function cutAt(text: string, verdict: "cut-before" | "cut-after"): () => boolean {
  let isCut = false;
  proxy.judge = ({ parts }) => {
    if (isCut) return "cut-before";
    if (!parts.some((part) => part.includes(text))) return "pass";
    isCut = true;
    proxy.open = false;
    return verdict;
  };
  return () => isCut;
}

async function approve(ref: TaskRef): Promise<void> {
  const pending = (await readApprovals(world.redis, ref)).filter(({ phase }) => phase === "Pending");
  const word = { by: { kind: "local" as const, name: "ada" }, at: new Date().toISOString() };
  for (const approval of pending) await answerApproval(world.redis, queue, { approval, answer: "approved", word });
}

async function expectOnce(ref: TaskRef): Promise<void> {
  expect((await world.ended(ref)).phase).toBe("Succeeded");
  const events = typesOf(await world.trace(ref));
  const count = (type: string): number => events.filter((each) => each === type).length;
  expect([count("approval.requested"), count("approval.decided"), count("tool.called")]).toEqual([1, 1, 1]);
  expect((await readApprovals(world.redis, ref)).map(({ phase }) => phase)).toEqual(["Used"]);
  expect(tools.keys.length).toBe(1);
  expect(await chainVerdict(world, ref)).toBe("intact");
}

it("asks once where the runner is lost between the question and the hand-back, and takes an answer of meanwhile", async () => {
  const isCut = cutAt('"type":"approval.requested"', "cut-after");
  await world.runner({ redisUrl: proxy.url, leaseMs: 1_000 });
  const ref = await start();
  await vi.waitFor(() => expect(isCut()).toBe(true), { timeout: 10_000 });
  await vi.waitFor(async () => expect(await readApprovals(world.redis, ref)).toHaveLength(1), 10_000);
  expect((await world.task(ref)).activations[0]?.phase).toBe("Leased");
  await approve(ref);
  await world.runner();
  await expectOnce(ref);
});

it("uses an approval once where the runner is lost right before the call begins", async () => {
  const ref = await start();
  const first = await world.runner();
  await world.until(ref, ({ phase }) => phase === "WaitingApproval");
  await first.drain(0);
  const isCut = cutAt('"type":"tool.called"', "cut-before");
  await world.runner({ redisUrl: proxy.url, leaseMs: 1_000 });
  await approve(ref);
  await vi.waitFor(() => expect(isCut()).toBe(true), { timeout: 10_000 });
  expect((await readApprovals(world.redis, ref)).map(({ phase }) => phase)).toEqual(["Approved"]);
  await world.runner();
  await expectOnce(ref);
});
