import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { agent, chainVerdict, mockModel, openWorld, system, typesOf, type World } from "../runner/world.ts";
import { type MortalRedis, openMortalRedis } from "./mortal-redis.ts";

let server: MortalRedis;
let world: World;

beforeAll(async () => {
  server = await openMortalRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  world = openWorld(server.url);
});
afterEach(() => world.close());

const slow = [
  { agent: "a", latency: "1500ms", say: "from a" },
  { agent: "b", say: "from b" },
];
const line = [agent("a"), agent("b"), system("line", ["a", "b"]), mockModel("mock", slow)];

/** Claims and lets the lease lapse: a runner that dies as soon as it has the activation. */
async function dieWith(task: TaskRef, holder: string): Promise<void> {
  for (;;) {
    const claim = await claimActivation(world.redis, { task, activation: "a#1", holder, leaseMs: 30 });
    if (claim.outcome === "claimed") return;
    if (claim.outcome !== "held") throw new Error(`cannot claim: ${claim.outcome}`);
    await wait(claim.remainingMs);
  }
}

describe("faults", () => {
  it("puts a task that kills its runners into the dead letters", async () => {
    const ref = await world.start(line, "line");
    for (let life = 1; life <= 6; life += 1) await dieWith(ref, `dead-${life}`);
    await world.runner();
    const task = await world.ended(ref);
    expect([task.phase, task.lastError?.code, task.attempts]).toEqual(["DeadLetter", "KILLS_RUNNERS", 7]);
    const events = await world.trace(ref);
    expect(typesOf(events)).toEqual([
      "task.created",
      "task.taken_over",
      "agent.started",
      "agent.failed",
      "task.dead_lettered",
    ]);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("takes up at once what a former life of the same runner held", async () => {
    const ref = await world.start(line, "line");
    await claimActivation(world.redis, { task: ref, activation: "a#1", holder: "r1", leaseMs: 60_000 });
    await world.runner({ id: "r1" });
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    expect((await world.trace(ref)).find(({ type }) => type === "task.taken_over")).toMatchObject({
      from: "r1",
      epoch: 2,
    });
  });

  it("does not notice a Redis that stands still for less than the lease", async () => {
    await world.runner({ leaseMs: 2_000 });
    const ref = await world.start(line, "line");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    await server.standStill(900);
    const task = await world.ended(ref);
    expect([task.phase, task.attempts]).toEqual(["Succeeded", 1]);
    expect(typesOf(await world.trace(ref))).not.toContain("task.taken_over");
  });

  it("goes on where it was after Redis was killed and started again within the lease", async () => {
    await world.runner({ leaseMs: 6_000 });
    const ref = await world.start(line, "line");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    // Away when the model answers and when the next policies are to be read.
    await server.beAway(1_800);
    const task = await world.ended(ref);
    expect([task.phase, task.attempts]).toEqual(["Succeeded", 1]);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("gives up what it held when Redis stands still for longer, and ends the task afterwards", async () => {
    await world.runner({ leaseMs: 600 });
    const ref = await world.start(line, "line");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    await server.standStill(1_500);
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    const events = await world.trace(ref);
    expect(events.filter(({ type }) => type === "agent.finished")).toHaveLength(2);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });
});
