// What somebody suspends begins no call any more, on runners that are at work; after `resume` it goes on by itself.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { addressOf, type KindName } from "../../contracts/address.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { namespaceHold, resume, type Suspended, suspend } from "../../store/holds.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "./world.ts";

let server: TestRedis;
let world: World;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server?.stop());
beforeEach(() => {
  world = openWorld(server.url);
});
afterEach(() => world?.close());

const WORD = { by: "ada", since: "2026-01-02T03:04:05.000Z", reason: "wrong amounts" };

async function hold(what: Suspended): Promise<void> {
  await suspend(world.redis, world.env, what, WORD);
}

function named(kind: KindName, name: string): Suspended {
  return addressOf({ kind, namespace: "default", name });
}

async function isWaiting(task: TaskRef, what: string): Promise<void> {
  const waiting = await world.until(task, ({ lastError }) => lastError?.code === "SUSPENDED");
  expect(waiting.lastError?.message).toContain(`${what} was suspended by ada at ${WORD.since}: wrong amounts`);
  expect(waiting).toMatchObject({ phase: "Running", attempts: 0 });
}

it("an agent, a system, a model and a tool wait where they are, and go on after they are resumed", async () => {
  const calls = [{ agent: "d", turn: 1, call: [{ tool: "memory.write", arguments: { key: "k", value: "v" } }] }];
  const manifests = [
    mockModel("mock", calls),
    mockModel("spare"),
    agent("a"),
    agent("b"),
    agent("c", { model_ref: "spare", fallback_model_refs: ["mock"] }),
    manifest("Memory", "notes", { provider: "in-memory" }),
    agent("d", { memory: { ref: "notes", allow: ["write"] } }),
    ...["a", "b", "c", "d"].map((name) => system(`s${name}`, [name])),
  ];
  await world.apply(manifests);
  const holds = [
    named("Agent", "a"),
    named("AgentSystem", "sb"),
    named("ModelEndpoint", "spare"),
    named("Tool", "memory.write"),
  ];
  await Promise.all(holds.map(hold));
  await world.runner({ concurrency: 8 });
  const tasks: TaskRef[] = [];
  for (const name of ["sa", "sb", "sc", "sd"]) tasks.push(await world.start(manifests, name));
  await Promise.all(tasks.map((task, index) => isWaiting(task, String(holds[index]))));
  const free = await world.start([...manifests, agent("e"), system("se", ["e"])], "se");
  expect((await world.ended(free)).phase).toBe("Succeeded");

  for (const what of holds) await resume(world.redis, world.env, what, WORD);
  for (const task of tasks) {
    expect(await world.ended(task)).toMatchObject({ phase: "Succeeded", attempts: 1 });
    const waits = (await world.trace(task)).filter(({ code }) => code === "SUSPENDED");
    expect(waits).toHaveLength(1);
  }
});

it("a namespace that is suspended in the middle of a task stops its next call", async () => {
  const script = [
    { turn: 1, latency: "300ms", call: [{ tool: "memory.write", arguments: { key: "k", value: "v" } }] },
    { turn: 2, say: "done" },
  ];
  const manifests = [
    mockModel("mock", script),
    manifest("Memory", "notes", { provider: "in-memory" }),
    agent("slow", { memory: { ref: "notes", allow: ["write"] } }),
    system("one", ["slow"]),
  ];
  await world.apply(manifests);
  await world.runner();
  const task = await world.start(manifests, "one");
  await world.until(task, ({ trace }) => trace.seq >= 4);
  await hold(namespaceHold("default"));
  const waiting = await world.until(task, ({ lastError, phase }) => lastError !== undefined || phase !== "Running");
  if (waiting.phase === "Running") {
    await isWaiting(task, "namespace/default");
    await resume(world.redis, world.env, namespaceHold("default"), WORD);
  }
  const done = await world.ended(task);
  expect(done).toMatchObject({ phase: "Succeeded", tokens: { output: expect.any(Number) } });
  // What was under way when it was stopped finished, and was not called again.
  expect((await world.trace(task)).filter(({ type }) => type === "model.called")).toHaveLength(2);
});
