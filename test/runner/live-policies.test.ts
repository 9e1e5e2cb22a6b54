// What was suspended, or tightened, is known to every runner within a second: by the runner's own clock, which the test sets.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { LivePolicies } from "../../runner/live-policies.ts";
import { namespaceHold, suspend } from "../../store/holds.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { manifest, openWorld, type World } from "./world.ts";

let server: TestRedis;
let world: World;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server?.stop());
beforeEach(() => {
  world = openWorld(server.url);
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(async () => {
  vi.useRealTimers();
  await world?.close();
});

const NEVER = new AbortController().signal;
const WORD = { by: "ada", since: "2026-01-02T03:04:05.000Z", reason: "wrong amounts" };
const BEFORE = [0, 400, 899, 1_000];

it("a namespace that is suspended at any moment is known a second later", async () => {
  await world.apply([]);
  for (const gapMs of BEFORE) {
    const name = namespaceHold(`n${gapMs}`);
    const live = new LivePolicies(world.redis, world.env);
    expect((await live.holds(0, NEVER)).namespaces.has(name)).toBe(false);
    vi.advanceTimersByTime(gapMs);
    await live.holds(0, NEVER);
    await suspend(world.redis, world.env, name, WORD);
    vi.advanceTimersByTime(1_000);
    expect((await live.holds(0, NEVER)).namespaces.get(name)).toMatchObject(WORD);
  }
});

it("a policy that was tightened is known a second later, and one that was asked for meanwhile is not believed longer", async () => {
  await world.apply([]);
  const live = new LivePolicies(world.redis, world.env);
  const before = await live.get(0, NEVER);
  vi.advanceTimersByTime(899);
  expect((await live.get(0, NEVER)).digest).toBe(before.digest);
  await world.apply([manifest("AgentPolicy", "caps", { apply_mode: "global", blocked_tools: ["shell"] })]);
  vi.advanceTimersByTime(101);
  expect((await live.get(0, NEVER)).digest).not.toBe(before.digest);
});

it("what was made after the last look is judged by a look of its own", async () => {
  await world.apply([]);
  const live = new LivePolicies(world.redis, world.env);
  await live.holds(0, NEVER);
  await suspend(world.redis, world.env, namespaceHold("default"), WORD);
  vi.advanceTimersByTime(1);
  expect((await live.holds(performance.now(), NEVER)).namespaces.size).toBe(1);
});
