// Budgets that tasks share, with whole runners: one is killed in the middle, and nothing is overspent or forgotten.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { readBudgets } from "../../store/budgets.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "./world.ts";

let server: TestRedis;
let world: World;

beforeAll(async () => {
  server = await testRedis();
  world = openWorld(server.url);
});

afterAll(async () => {
  await world?.close();
  await server?.stop();
});

const TASKS = 16;
const STEPS = 10;

it("lets the tasks of a day spend no more than they may together, through the death of a runner", async () => {
  const script = [{ latency: "300ms", say: "done", tokens: { input: 30, output: 10 } }];
  const caps = manifest("AgentPolicy", "caps", {
    apply_mode: "global",
    budgets: [{ per: ["day"], steps: STEPS, tokens: 10_000_000, cost_usd: 1_000 }],
  });
  const manifests = [mockModel("mock", script), agent("writer"), system("solo", ["writer"]), caps];
  await world.apply(manifests);
  const tasks = [];
  for (let index = 0; index < TASKS; index += 1) tasks.push(await world.start(manifests, "solo"));

  const victim = await world.child("victim");
  const openBudgets = async () => (await readBudgets(world.redis, world.env)).filter(({ reserved }) => reserved > 0);
  await vi.waitFor(async () => expect(await openBudgets()).not.toEqual([]), { interval: 5, timeout: 15_000 });
  victim.process.kill("SIGKILL");
  await victim.exited;
  const lost = (await openBudgets()).find(({ account }) => account.includes("|tokens|"))?.reserved ?? 0;
  expect(lost).toBeGreaterThan(0);

  await world.runner({ concurrency: 8 });
  const ended = await Promise.all(tasks.map((task) => world.ended(task, 30_000)));
  const succeeded = ended.filter(({ phase }) => phase === "Succeeded");
  const denied = ended.filter(({ lastError }) => lastError?.code === "BUDGET_STEPS");
  expect(succeeded.length + denied.length).toBe(TASKS);
  expect(denied[0]?.lastError?.message).toContain("has made 10 of 10 calls");

  const budgets = await readBudgets(world.redis, world.env);
  const find = (meter: string) => budgets.find(({ account }) => account.includes(`|${meter}|`));
  expect(find("steps")).toMatchObject({ spent: STEPS, reserved: 0 });
  // What the dead runner held stays charged at its estimate; all else is settled to what the provider reported.
  expect(find("tokens")).toMatchObject({ spent: 40 * succeeded.length, reserved: lost });
});

it("denies a model without a price where money is limited", async () => {
  const caps = manifest("AgentPolicy", "caps", { apply_mode: "global", max_cost_usd_per_run: 1 });
  const nameless = manifest("ModelEndpoint", "mock", {
    provider: "openai-compatible",
    base_url: "http://127.0.0.1:9",
    default_model: "nobody-knows",
  });
  const manifests = [nameless, agent("writer"), system("solo", ["writer"]), caps];
  await world.apply(manifests);
  const ended = await world.ended(await world.start(manifests, "solo"));
  expect(ended).toMatchObject({ phase: "Failed", lastError: { code: "BUDGET_COST" } });
  expect(ended.lastError?.message).toContain("set `price` on its ModelEndpoint");
});

it("records what a policy in audit mode would have denied of a shared budget, and lets it happen", async () => {
  const caps = manifest("AgentPolicy", "caps", {
    apply_mode: "global",
    mode: "audit",
    budgets: [{ per: ["system"], steps: 1 }],
  });
  const manifests = [mockModel("mock"), agent("writer"), system("watched", ["writer"]), caps];
  await world.apply(manifests);
  await world.runner();
  const decisions = [];
  for (let index = 0; index < 2; index += 1) {
    const task = await world.start(manifests, "watched");
    expect(await world.ended(task)).toMatchObject({ phase: "Succeeded" });
    decisions.push((await world.trace(task)).find(({ point }) => point === "before_model"));
  }
  expect(decisions).toMatchObject([
    { effect: "allow" },
    {
      effect: "deny",
      code: "BUDGET_STEPS",
      enforced: false,
      reasons: [{ message: expect.stringContaining("1 of 1") }],
    },
  ]);
  const [budget] = (await readBudgets(world.redis, world.env)).filter(({ account }) => account.includes("watched"));
  expect(budget).toMatchObject({ spent: 2, reserved: 0 });
});
