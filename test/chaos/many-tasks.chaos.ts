// Many tasks at once, on runners that come and go: each agent once, and no invariant broken.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { breachesOf, Onlooker } from "./real-history.ts";

let server: TestRedis;
let world: World;
let onlooker: Onlooker;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  world = openWorld(server.url);
  onlooker = new Onlooker(world);
});
afterEach(() => world.close());

const TASKS = 200;
/** Where nobody dies, no lease may be lost to a busy machine. */
const LONG_LEASE_MS = 15_000;
const definitions = [agent("a"), agent("b"), agent("c"), system("line", ["a", "b", "c"]), mockModel("mock")];

async function startTasks(): Promise<TaskRef[]> {
  const refs: TaskRef[] = [];
  for (let index = 0; index < TASKS; index += 1) refs.push(await world.start(definitions, "line"));
  return refs;
}

async function allEnded(refs: readonly TaskRef[]): Promise<void> {
  for (const ref of refs) await onlooker.look(ref);
  for (const ref of refs) await world.until(ref, ({ phase }) => hasEnded(phase), 90_000);
}

/** Each agent's work was finished exactly once, each model turn was answered exactly once, and nothing else is wrong. */
async function expectOnce(refs: readonly TaskRef[]): Promise<void> {
  for (const ref of refs) {
    const [events, task] = [await world.trace(ref), await world.task(ref)];
    const finished = events.filter(({ type }) => type === "agent.finished").map(({ activation }) => activation);
    const answered = events.filter(({ type }) => type === "model.answered").map(({ activation }) => activation);
    expect([task.phase, finished, answered]).toEqual(["Succeeded", ["a#1", "b#1", "c#1"], ["a#1", "b#1", "c#1"]]);
  }
  expect(await breachesOf(world, onlooker, refs)).toEqual([]);
}

it("ends 200 tasks of three agents on two runners, each agent once", async () => {
  const options = { concurrency: 8, leaseMs: LONG_LEASE_MS };
  await Promise.all([world.child("left", options), world.child("right", options)]);
  const refs = await startTasks();
  await allEnded(refs);
  await expectOnce(refs);
  const holders = await Promise.all(
    refs.map(async (ref) => (await world.task(ref)).activations.map(({ holder }) => holder)),
  );
  expect(new Set(holders.flat())).toEqual(new Set(["left", "right"]));
  for (const task of await Promise.all(refs.map((ref) => world.task(ref)))) expect(task.attempts).toBe(1);
}, 180_000);

it("ends 200 tasks though every runner is replaced, one after the other, and one is killed on the way", async () => {
  const first = await world.child("first", { concurrency: 8 });
  const second = await world.child("second", { concurrency: 8 });
  const starting = startTasks();
  const third = await world.child("third", { concurrency: 8 });
  first.process.kill("SIGTERM");
  const fourth = world.child("fourth", { concurrency: 8 });
  second.process.kill("SIGKILL");
  await fourth;
  third.process.kill("SIGTERM");
  const refs = await starting;
  await allEnded(refs);
  await expectOnce(refs);
  expect(await Promise.all([first.exited, third.exited])).not.toContain("SIGKILL");
}, 180_000);

it("loses no branch of a wide join, though all of them end at once on two runners", async () => {
  await Promise.all([world.child("left", { concurrency: 8 }), world.child("right", { concurrency: 8 })]);
  const branches = ["b1", "b2", "b3", "b4", "b5", "b6"];
  const graph = {
    start: { edges: branches.map((to) => ({ to })) },
    ...Object.fromEntries(branches.map((from) => [from, { next: "merge" }])),
  };
  const agents = ["start", ...branches, "merge"];
  const wide = [...agents.map((name) => agent(name)), system("wide", agents, graph), mockModel("mock")];
  const refs: TaskRef[] = [];
  for (let index = 0; index < 30; index += 1) refs.push(await world.start(wide, "wide"));
  await allEnded(refs);
  for (const ref of refs) {
    const task = await world.task(ref);
    expect(task.activations.map(({ id }) => id).toSorted()).toEqual(agents.map((name) => `${name}#1`).toSorted());
    expect(
      task.activations
        .find(({ id }) => id === "merge#1")
        ?.messages.map(({ from }) => from)
        .toSorted(),
    ).toEqual(branches);
  }
  expect(await breachesOf(world, onlooker, refs)).toEqual([]);
});
