// Parallel branches of one task on a real Redis: together they never reserve more than the ceiling.
import { afterAll, beforeAll, expect, it } from "vitest";
import { verifyChain } from "../../../contracts/trace.ts";
import { globalPolicy } from "../../policies/requests.ts";
import { type TestRedis, testRedis } from "../../redis.ts";
import { openActivation } from "../open-activation.ts";
import { serve } from "../tools/http-server.ts";
import { agent, mockModel, openWorld, system, type World } from "../world.ts";
import { MemoryRecorder, modelAsk, NEVER, openGate, postingModel, postingTool, toolAsk } from "./desk.ts";

const BRANCHES = 50;
const CEILING = 1_000;

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

it("lets as many branches call their model as the ceiling pays for, and denies the others", async () => {
  const provider = await serve((response) => void response.end());
  const names = Array.from({ length: BRANCHES }, (_, index) => `a${index + 1}`);
  const graph = Object.fromEntries(names.map((name) => [name, {}]));
  const manifests = [mockModel("mock"), ...names.map((name) => agent(name)), system("fan", names, graph)];
  const task = await world.start(manifests, "fan");

  const recorders = await Promise.all(names.map((name) => openActivation(world.redis, task, `${name}#1`)));
  const policies = [globalPolicy({ max_tokens_per_run: CEILING })];
  const branches = recorders.map((recorder, index) =>
    openGate({ recorder, activation: `${names[index]}#1`, policies }),
  );
  const asked = await Promise.all(branches.map((gate) => gate.requestModel(modelAsk(postingModel(provider.url)))));

  const permits = asked.flatMap((answer, index) =>
    answer.outcome === "permitted" ? [{ index, permit: answer.permit }] : [],
  );
  const decided = (await world.trace(task)).filter(({ type }) => type === "turn.decided");
  const reserved = decided
    .filter(({ effect }) => effect === "allow")
    .reduce((sum, event) => sum + Number(event["reserveTokens"]), 0);
  const each = reserved / permits.length;
  expect(reserved).toBeLessThanOrEqual(CEILING);
  expect(permits).toHaveLength(Math.floor(CEILING / each));
  expect(decided.filter(({ code }) => code === "BUDGET_TOKENS")).toHaveLength(BRANCHES - permits.length);

  await Promise.all(permits.map(async ({ index, permit }) => branches[index]?.callModel(permit, NEVER)));
  expect(provider.asked).toHaveLength(permits.length);
  const next = { type: "agent.finished" as const, at: new Date().toISOString() };
  await Promise.all(permits.map(async ({ index }) => recorders[index]?.record([next])));
  expect((await world.task(task)).tokens).toEqual({ input: 40 * permits.length, output: 10 * permits.length });
  const { trace } = await world.task(task);
  expect(verifyChain("default/task-1", await world.trace(task), trace)).toMatchObject({ outcome: "intact" });
});

it("makes no call that the store refuses: other branches were faster, again and again", async () => {
  const server = await serve((response) => void response.end());
  const recorder = new MemoryRecorder();
  let refused = 0;
  const record = recorder.record.bind(recorder);
  recorder.record = async (drafts, change) => {
    if (change?.charge?.kind !== "reserve") return record(drafts, change);
    refused += 1;
    return { outcome: "over-budget" };
  };
  const asked = await openGate({ tools: [postingTool(server.url)], recorder }).requestTool(toolAsk());
  expect(asked).toMatchObject({ outcome: "denied", stop: true, denial: { code: "BUDGET_STEPS" } });
  expect([refused, server.asked, recorder.types()]).toEqual([
    3,
    [],
    ["tool.decided", "tool.denied", "budget.exceeded"],
  ]);
});
