// Takeovers between runners that are not alike: one that does not match, one with a longer lease.
import { expect, it, vi } from "vitest";
import { taskKeys } from "../../store/keys.ts";
import { listRunners } from "../../store/runners.ts";
import { withWorlds } from "../redis.ts";
import { agent, mockModel, openWorld, system, type World } from "../runner/world.ts";

let world: World;

withWorlds(openWorld, (opened) => {
  world = opened;
});

/** Of what takes a moment, on a busy machine. */
const BOUND_MS = 40_000;
/** In the measure of these tests, where other leases are a second: as 20 s are to 5 s. */
const RELAXED_MS = 4_000;

it("leaves what a lost runner held to one that matches, though others wait for work and see its lease end", async () => {
  const slow = [
    { agent: "a", latency: "60s", say: "never" },
    { agent: "b", say: "second" },
  ];
  const gpu = await world.child("gpu", { announced: { gpu: true } });
  await world.child("plain");
  const definitions = [agent("a"), agent("b"), system("line", ["a", "b"]), mockModel("mock", slow)];
  const ref = await world.start(definitions, "line", { requirements: { gpu: true } });
  await world.until(ref, ({ trace }) => trace.seq >= 5, BOUND_MS);
  gpu.process.kill("SIGKILL");
  await gpu.exited;
  // Its lease has ended, and the runner that does not match has taken up a task of its own since: it looked, and left it.
  const { redis, env } = world;
  const until = Number(await redis.hget(taskKeys(ref).activations, "a#1/until"));
  await vi.waitFor(async () => expect(Number((await redis.time())[0]) * 1_000).toBeGreaterThan(until + 2_000), {
    timeout: BOUND_MS,
    interval: 200,
  });
  const own = await world.start([agent("b"), system("own", ["b"]), mockModel("mock")], "own");
  expect((await world.ended(own, BOUND_MS)).activations[0]?.holder).toBe("plain");
  expect((await world.task(ref)).activations[0]).toMatchObject({ holder: "gpu", epoch: 1 });
  expect((await listRunners(redis, env)).map(({ id }) => id)).toContain("plain");
  await world.child("gpu-2", { announced: { gpu: true } });
  const task = await world.until(ref, ({ activations }) => activations[0]?.holder === "gpu-2", BOUND_MS);
  expect(task.activations[0]?.epoch).toBe(2);
});

it("misses a runner with a longer lease later, and only then: the lease of the one that is lost counts", async () => {
  const slow = [{ agent: "a", latency: "60s", say: "never" }];
  const relaxed = await world.child("relaxed", { leaseMs: RELAXED_MS });
  const definitions = [agent("a"), system("one", ["a"]), mockModel("mock", slow)];
  const ref = await world.start(definitions, "one");
  await world.until(ref, ({ trace }) => trace.seq >= 5, BOUND_MS);
  const quick = await world.child("quick");
  relaxed.process.kill("SIGKILL");
  await relaxed.exited;
  const held = Number(await world.redis.hget(taskKeys(ref).activations, "a#1/until"));
  await world.until(ref, ({ activations }) => activations[0]?.holder === "quick", BOUND_MS);
  const takeover = await vi.waitFor(async () => {
    const found = (await world.trace(ref)).find(({ type }) => type === "task.taken_over");
    expect(found).toMatchObject({ from: "relaxed", runner: "quick", epoch: 2 });
    return found;
  });
  expect(Date.parse(takeover?.at ?? "")).toBeGreaterThanOrEqual(held);
  quick.process.kill("SIGKILL");
});
