// Losses that take several leases each, on real processes: runners that stand still, a Redis that is killed, a task that
// kills whoever works on it. The invariants judge every one of them.
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import type { PersonsWord } from "../history/history.ts";
import { agent, mockModel, openWorld, type RunnerChild, system, typesOf, type World } from "../runner/world.ts";
import { type MortalRedis, openMortalRedis } from "./mortal-redis.ts";
import { sayAgain } from "./persons-word.ts";
import { breachesOf, Onlooker } from "./real-history.ts";
import { openSeenTools, type SeenTools } from "./seen-tools.ts";

let server: MortalRedis;
let world: World;
let tools: SeenTools;
let onlooker: Onlooker;

const LEASE_MS = 1_000;
/** The first call of a tool is under way long enough to be struck in its middle. */
const STRUCK_CALL_MS = 2_000;
/** Of what takes several leases, on a busy machine. */
const BOUND_MS = 60_000;

beforeAll(async () => {
  server = await openMortalRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  tools = await openSeenTools(() => (tools.calls.length === 1 ? STRUCK_CALL_MS : 50));
  onlooker = new Onlooker(world);
});
afterEach(async () => {
  await world.close();
  await tools.close();
});

/** Its first agent uses a tool, its second one says a word. */
function startUsing(effect: "read" | "idempotent" | "write"): Promise<TaskRef> {
  const script = [
    { agent: "a", turn: 1, call: [{ tool: "use" }] },
    { agent: "a", turn: 2, say: "used" },
    { agent: "b", say: "done" },
  ];
  const agents = [agent("a", { tools: ["use"] }), agent("b"), system("two", ["a", "b"])];
  return world.start([...agents, ...tools.tools({ use: effect }), mockModel("mock", script)], "two");
}

async function called(ref: TaskRef): Promise<void> {
  await onlooker.look(ref);
  const deadline = performance.now() + BOUND_MS;
  while (tools.calls.length === 0) {
    if (performance.now() > deadline) throw new Error("no call came");
    await wait(10);
  }
  await onlooker.look(ref);
}

/** Until it has ended; whatever waits for a person is made again. */
async function endedWithHelp(ref: TaskRef): Promise<readonly PersonsWord[]> {
  const words: PersonsWord[] = [];
  for (;;) {
    const { phase } = await world.until(ref, (task) => task.phase !== "Running" && task.phase !== "Pending", BOUND_MS);
    await onlooker.look(ref);
    if (phase !== "Unknown") return words;
    words.push(await sayAgain(world.redis, ref, "a#1"));
  }
}

async function stop({ process, exited }: RunnerChild): Promise<void> {
  process.kill("SIGTERM");
  await exited;
}

it.each(["read", "idempotent", "write"] as const)(
  "accepts nothing of a runner that stood still for three leases in a %s call and goes on",
  async (effect) => {
    const [first, second] = await Promise.all([
      world.child("first", { leaseMs: LEASE_MS }),
      world.child("second", { leaseMs: LEASE_MS }),
    ]);
    const ref = await startUsing(effect);
    await called(ref);
    const isFirst = (await world.task(ref)).activations[0]?.holder === "first";
    const [holder, other] = isFirst ? [first, second] : [second, first];
    holder.process.kill("SIGSTOP");
    await wait(3 * LEASE_MS);
    holder.process.kill("SIGCONT");
    const words = await endedWithHelp(ref);
    const task = await world.ended(ref);
    await stop(holder);
    await stop(other);
    expect([task.phase, (await world.task(ref)).trace]).toEqual(["Succeeded", task.trace]);
    expect(typesOf(await world.trace(ref))).toContain("task.taken_over");
    expect(words).toHaveLength(effect === "write" ? 1 : 0);
    expect(tools.calls).toHaveLength(2);
    expect(await breachesOf(world, onlooker, [ref], { tools, retriesByPerson: words })).toEqual([]);
  },
);

it.each([
  ["less", 6_000, 1_500],
  ["more", 1_000, 3_000],
] as const)("loses nothing when Redis is killed and away for %s than a lease", async (_, leaseMs, awayMs) => {
  await Promise.all([world.child("first", { leaseMs }), world.child("second", { leaseMs })]);
  const write = await startUsing("write");
  const refs = [write, await startUsing("idempotent"), await startUsing("read")];
  for (const ref of refs) await onlooker.look(ref);
  await called(write);
  await server.beAway(awayMs);
  const words = (await Promise.all(refs.map(endedWithHelp))).flat();
  for (const ref of refs) expect((await world.ended(ref)).phase).toBe("Succeeded");
  expect(await breachesOf(world, onlooker, refs, { tools, retriesByPerson: words })).toEqual([]);
});

it("puts a task that kills its runner every time into the dead letters, with its evidence", async () => {
  const slow = mockModel("mock", [{ agent: "a", latency: "60s", say: "never" }]);
  const ref = await world.start([agent("a"), system("one", ["a"]), slow], "one");
  const lives: string[] = [];
  for (;;) {
    const id = `life-${lives.length + 1}`;
    const child = await world.child(id, { leaseMs: LEASE_MS });
    await vi.waitFor(
      async () => {
        const told = (await world.trace(ref)).some(
          ({ type, runner }) => type === "task.dead_lettered" || runner === id,
        );
        expect(told).toBe(true);
      },
      { timeout: BOUND_MS },
    );
    if ((await onlooker.look(ref)) === "DeadLetter") break;
    child.process.kill("SIGKILL");
    await child.exited;
    lives.push(id);
    if (lives.length > 10) throw new Error("it kills runner after runner");
  }
  const { phase, lastError, attempts } = await world.task(ref);
  expect([phase, lastError?.code, attempts]).toEqual(["DeadLetter", "KILLS_RUNNERS", lives.length + 1]);
  expect(lives.length).toBeLessThanOrEqual(6);
  const events = await world.trace(ref);
  expect(typesOf(events).slice(-2)).toEqual(["agent.failed", "task.dead_lettered"]);
  expect(events.filter(({ type }) => type === "task.taken_over").map(({ from }) => from)).toEqual(lives);
  expect(lastError?.message).toContain(`${lives.length} times`);
  expect(await breachesOf(world, onlooker, [ref], { mayEndWith: ["KILLS_RUNNERS"] })).toEqual([]);
}, 180_000);
