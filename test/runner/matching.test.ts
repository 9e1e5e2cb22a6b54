// Runners as processes of their own that share nothing but a Redis: who works on what, and who goes on with it.
import { expect, it, vi } from "vitest";
import type { Requirements } from "../../contracts/matching.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { withWorlds } from "../redis.ts";
import { agent, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

let world: World;

withWorlds(openWorld, (opened) => {
  world = opened;
});

/** Of what takes a moment, on a busy machine. */
const BOUND_MS = 40_000;
const line = [agent("a"), agent("b"), system("line", ["a", "b"]), mockModel("mock")];

function start(requirements: Requirements): Promise<TaskRef> {
  return world.start(line, "line", { requirements });
}

async function holders(ref: TaskRef): Promise<(string | null)[]> {
  return (await world.ended(ref, BOUND_MS)).activations.map(({ holder }) => holder);
}

it("gives every activation of a task to a runner that meets its requirements, and holds up nobody else's", async () => {
  const nobody = await start({ region: "mars" });
  const unmatched = await start({ gpu: true, region: "eu" });
  await Promise.all([
    world.child("gpu", { announced: { gpu: true } }),
    world.child("eu", { announced: { region: "eu", models: ["qwen"] } }),
  ]);
  const refs: TaskRef[] = [];
  for (const required of [{ gpu: true }, { region: "eu" }, { model: "llama" }, {}] as const) {
    refs.push(await start(required));
  }
  const [gpu = [], eu = [], llama = []] = await Promise.all(refs.map(holders));
  expect([gpu, eu, llama]).toEqual([
    ["gpu", "gpu"],
    ["eu", "eu"],
    ["gpu", "gpu"],
  ]);
  expect((await world.task(unmatched)).phase).toBe("Pending");
  await world.child("both", { announced: { gpu: true, region: "eu" } });
  expect(await holders(unmatched)).toEqual(["both", "both"]);
  const waiting = await world.task(nobody);
  expect([waiting.phase, waiting.attempts, waiting.requirements]).toEqual(["Pending", 0, { region: "mars" }]);
});

it("resumes at once when it is restarted under its old id, long before its lease ends", async () => {
  const slow = [
    { agent: "a", say: "first" },
    { agent: "b", latency: "60s", say: "never" },
  ];
  const options = { leaseMs: 120_000, announced: { gpu: true } };
  const first = await world.child("box", options);
  await world.child("other", { ...options, announced: {} });
  const definitions = [agent("a"), agent("b"), system("line", ["a", "b"]), mockModel("mock", slow)];
  const ref = await world.start(definitions, "line", { requirements: { gpu: true }, maxAttempts: 2 });
  await world.until(ref, ({ activations }) => activations[1]?.phase === "Leased", BOUND_MS);
  first.process.kill("SIGKILL");
  await first.exited;
  await world.child("box", options);
  const task = await world.until(ref, ({ activations }) => activations[1]?.epoch === 2, BOUND_MS);
  expect(task.activations[1]).toMatchObject({ holder: "box", phase: "Leased" });
  await vi.waitFor(async () => expect(typesOf(await world.trace(ref), "b#1")).toContain("task.taken_over"), 10_000);
});
