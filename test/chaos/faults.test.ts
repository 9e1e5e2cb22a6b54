import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import { ensureEmbedded, stopEmbedded } from "../../store/embedded/embedded.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { agent, chainVerdict, mockModel, openWorld, system, typesOf, type World } from "../runner/world.ts";

let server: { readonly url: string; again(): Promise<void>; stop(): Promise<void> };
let world: World;

beforeAll(async () => {
  server = await openServer();
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

/** A server that can be started again after it was killed: the same data, the same address. */
async function openServer() {
  const home = await mkdtemp(join(tmpdir(), "cw-faults-"));
  const { PATH: path = "", HOME: userHome, XDG_CACHE_HOME: cacheHome } = process.env;
  const start = () => ensureEmbedded({ home, path, userHome, cacheHome, say: () => undefined });
  const { url } = await start();
  const again = async (): Promise<void> => {
    if ((await start()).url !== url) throw new Error("the server came back elsewhere");
  };
  const stop = async (): Promise<void> => {
    await stopEmbedded(home);
    await rm(home, { recursive: true, force: true });
  };
  return { url, again, stop };
}

/** Claims and lets the lease lapse: a runner that dies as soon as it has the activation. */
async function dieWith(task: TaskRef, holder: string): Promise<void> {
  for (;;) {
    const claim = await claimActivation(world.redis, { task, activation: "a#1", holder, leaseMs: 30 });
    if (claim.outcome === "claimed") return;
    if (claim.outcome !== "held") throw new Error(`cannot claim: ${claim.outcome}`);
    await wait(claim.remainingMs);
  }
}

async function serverPid(): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await world.redis.info("server"))?.[1]);
}

async function pauseServer(ms: number): Promise<void> {
  const pid = await serverPid();
  process.kill(pid, "SIGSTOP");
  await wait(ms);
  process.kill(pid, "SIGCONT");
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
    await pauseServer(900);
    const task = await world.ended(ref);
    expect([task.phase, task.attempts]).toEqual(["Succeeded", 1]);
    expect(typesOf(await world.trace(ref))).not.toContain("task.taken_over");
  });

  it("goes on where it was after Redis was killed and started again within the lease", async () => {
    await world.runner({ leaseMs: 6_000 });
    const ref = await world.start(line, "line");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    process.kill(await serverPid(), "SIGKILL");
    // Away when the model answers and when the next policies are to be read.
    await wait(1_800);
    await server.again();
    const task = await world.ended(ref);
    expect([task.phase, task.attempts]).toEqual(["Succeeded", 1]);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("gives up what it held when Redis stands still for longer, and ends the task afterwards", async () => {
    await world.runner({ leaseMs: 600 });
    const ref = await world.start(line, "line");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    await pauseServer(1_500);
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    const events = await world.trace(ref);
    expect(events.filter(({ type }) => type === "agent.finished")).toHaveLength(2);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });
});
