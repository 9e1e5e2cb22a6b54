// What an apply in the middle of a task changes for it: nothing of its definitions.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Manifest } from "../../contracts/manifest.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "./world.ts";

let server: TestRedis;
let world: World;
let tools: ToolServer;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  tools = await openToolServer();
});
afterEach(async () => {
  await world.close();
  await tools.close();
});

const script = [{ agent: "a", turn: 1, call: [{ tool: "look" }] }, { say: "done" }];

function definitions(...changed: readonly Manifest[]): Manifest[] {
  const all = [
    agent("a", { tools: ["look"] }),
    agent("b"),
    system("line", ["a", "b"]),
    tools.tool("look"),
    mockModel("mock", script),
  ];
  const isChanged = ({ kind, metadata }: Manifest): boolean =>
    changed.some((other) => other.kind === kind && other.metadata.name === metadata.name);
  return [...all.filter((content) => !isChanged(content)), ...changed];
}

/** `apply` happens while the first agent is in the middle of a tool call. */
async function withApply(apply: readonly Manifest[], began = definitions()) {
  await world.apply(began);
  await world.runner();
  const called = tools.nextCall();
  const ref = await world.start(began, "line");
  const call = await called;
  await world.apply(apply);
  call.answer();
  tools.answerAtOnce();
  return { ref, task: await world.ended(ref) };
}

it("an edited prompt is for the next task", async () => {
  const long = "x".repeat(9_000);
  const { ref, task } = await withApply(definitions(agent("b", { prompt: long })));
  expect(task.phase).toBe("Succeeded");
  const answered = (await world.trace(ref)).findLast(({ type }) => type === "model.answered");
  // The mock counts what it reads: the long prompt alone would be more than this.
  expect(answered).toMatchObject({ activation: "b#1" });
  expect(Number(answered?.["inputTokens"])).toBeLessThan(500);
});

it("an agent that was renamed, and a system that names it, leave a task with the agents that it began with", async () => {
  const changed = definitions(system("line", ["a", "c"]), agent("c"));
  const renamed = changed.filter(({ metadata }) => metadata.name !== "b");
  const { task } = await withApply(renamed);
  expect([task.phase, task.activations.map(({ id }) => id)]).toEqual(["Succeeded", ["a#1", "b#1"]]);
});

it("a policy that was tightened bites within a second, whatever the task began with", async () => {
  // The turn after the apply takes longer than policies are believed.
  const thinking = { agent: "a", turn: 2, latency: "1200ms", say: "done" };
  const began = definitions(mockModel("mock", [thinking, ...script]));
  const only = manifest("AgentPolicy", "only", { apply_mode: "global", allowed_models: ["another"] });
  const { task } = await withApply([...began, only], began);
  expect([task.phase, task.lastError?.code]).toEqual(["Failed", "MODEL_NOT_ALLOWED"]);
});
