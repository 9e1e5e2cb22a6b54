// A decision that a real Redis does not take: what was decided does not happen, and the task says why.
import { afterAll, beforeAll, expect, it } from "vitest";
import { verifyChain } from "../../../contracts/trace.ts";
import { budgetKeys, stepsKey } from "../../../store/keys.ts";
import { type TestRedis, testRedis } from "../../redis.ts";
import { openActivation } from "../open-activation.ts";
import { serve } from "../tools/http-server.ts";
import { agent, manifest, mockModel, openWorld, system, typesOf, type World } from "../world.ts";
import { modelAsk, openGate, postingModel, postingTool, toolAsk } from "./desk.ts";

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

it("calls nothing where the store refuses the record, and leaves the chain whole", async () => {
  const outside = await serve((response) => void response.end());
  const task = await world.start([mockModel("mock"), agent("writer"), system("solo", ["writer"])], "solo");
  const recorder = await openActivation(world.redis, task, "writer#1");
  await world.redis.set(stepsKey(task, "writer#1"), "of another kind");
  const gate = openGate({ recorder, tools: [postingTool(outside.url)] });
  const refused = { code: "AUDIT_UNAVAILABLE", message: expect.stringContaining("STATE_CORRUPT") };
  await expect(gate.requestModel(modelAsk(postingModel(outside.url)))).rejects.toMatchObject(refused);
  await expect(gate.requestTool(toolAsk())).rejects.toMatchObject(refused);
  expect(outside.asked).toEqual([]);
  const { trace } = await world.task(task);
  expect(verifyChain("default/task-1", await world.trace(task), trace)).toMatchObject({ outcome: "intact" });
});

it("ends the task with that code, where at least this can be written", async () => {
  const caps = manifest("AgentPolicy", "caps", { apply_mode: "global", budgets: [{ per: ["day"], steps: 10 }] });
  const manifests = [mockModel("mock"), agent("writer"), system("capped", ["writer"]), caps];
  await world.apply(manifests);
  const task = await world.start(manifests, "capped");
  await world.redis.set(budgetKeys(world.env).budgets, "of another kind");
  await world.runner();
  expect(await world.ended(task)).toMatchObject({ phase: "Failed", lastError: { code: "AUDIT_UNAVAILABLE" } });
  expect(typesOf(await world.trace(task))).not.toContain("model.called");
});
