// Budgets and approvals together: what a person approved counts as what was allowed at once, and waiting costs nothing.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { answerApproval } from "../../store/approvals/answer-approval.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import { readBudgets } from "../../store/budgets.ts";
import { taskKeys } from "../../store/keys.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "./world.ts";

let server: TestRedis;
let tools: ToolServer;
let world: World;
let queue: ActivationQueue;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  tools = await openToolServer();
  tools.answerAtOnce("paid");
  world = openWorld(server.url);
  queue = openQueue(world.redis, world.env);
});
afterEach(async () => {
  await world?.close();
  await queue?.close();
  await tools?.close();
});

function asking(budgets: readonly unknown[]): Manifest {
  const rules = [{ match: { tools: ["pay"] }, effect: "ask" }];
  return manifest("AgentPolicy", "careful", { apply_mode: "global", rules, budgets });
}

function paying(policy: Manifest): Manifest[] {
  const script = [
    { turn: 1, call: [{ tool: "pay", arguments: { amount: 7 } }] },
    { turn: 2, say: "done" },
  ];
  const pay = tools.tool("pay", { effect: "write" });
  return [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script), pay, policy];
}

const waiting = (ref: TaskRef) =>
  world.until(ref, ({ activations }) => activations.some(({ phase }) => phase === "Waiting"));

async function approve(ref: TaskRef): Promise<void> {
  const [approval] = (await readApprovals(world.redis, ref)).filter(({ phase }) => phase === "Pending");
  if (approval === undefined) throw new Error("nothing waits for an answer");
  const word = { by: { kind: "local", name: "ada" }, at: new Date().toISOString() } as const;
  expect(await answerApproval(world.redis, queue, { approval, answer: "approved", word })).toEqual({
    outcome: "ruled",
  });
}

it("counts an approved call in a shared ledger when it begins, and denies it where that is used up by then", async () => {
  await world.runner();
  const policy = asking([{ per: ["namespace"], calls: { pay: 1 } }]);
  const tasks = [await world.start(paying(policy), "one"), await world.start(paying(policy), "one")];
  const counted = async () => {
    const budgets = await readBudgets(world.redis, world.env);
    return budgets.filter(({ account }) => account.includes("|calls pay|")).map(({ spent }) => spent);
  };
  for (const ref of tasks) await waiting(ref);
  expect(await counted()).toEqual([]);
  const ended = [];
  for (const ref of tasks) {
    await approve(ref);
    ended.push(await world.ended(ref));
  }
  expect(ended.map(({ phase, lastError }) => [phase, lastError?.code])).toEqual([
    ["Succeeded", undefined],
    ["Failed", "BUDGET_STEPS"],
  ]);
  expect([await counted(), tools.keys.length]).toEqual([[1], 1]);
});

it("counts no time of waiting for a person in `wall`", async () => {
  await world.runner();
  const limits = [
    { per: ["task"], wall: "1m" },
    { per: ["agent"], wall: "1m" },
  ];
  const ref = await world.start(paying(asking(limits)), "one");
  await waiting(ref);
  await world.until(ref, ({ phase }) => phase === "WaitingApproval");
  // As if it had been begun, and were waiting, for an hour.
  const keys = taskKeys(ref);
  for (const field of ["startedAtMs", "waitingSinceMs"]) {
    await world.redis.hincrby(keys.task, field, -3_600_000);
    await world.redis.hincrby(keys.activations, `a#1/${field}`, -3_600_000);
  }
  await approve(ref);
  expect(await world.ended(ref)).toMatchObject({ phase: "Succeeded" });
});
