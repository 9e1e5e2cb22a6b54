// What people see of matching: a task that waits, for what, and the runner that a Worker manifest describes.
import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

let server: TestRedis;
let world: World;
let room: Room;

beforeAll(async () => {
  server = await testRedis();
  world = openWorld(server.url);
  room = commandRoom({ COUNTWHEEL_REDIS_URL: server.url, COUNTWHEEL_ENV: world.env });
});
afterAll(async () => {
  room.remove();
  await world.close();
  await server.stop();
});

it("tells what a task waits for until a runner comes that a Worker manifest describes", async () => {
  const worker = manifest("Worker", "box", { capabilities: { gpu: true }, max_concurrent_tasks: 3 });
  const definitions = [agent("a"), system("one", ["a"]), mockModel("mock")];
  await world.apply([...definitions, worker]);
  const { name } = await world.start(definitions, "one", { requirements: { gpu: true }, priority: "high" });
  const { stdout } = await room.run("describe", "task", name);
  expect(stdout).toMatch(/Waits: +no runner is at work; .* requires gpu/);
  expect(stdout).toMatch(/Redis: +\d+\.\d kB\n/);

  await world.runner({ id: "plain" });
  const [list, one, text] = await Promise.all([
    room.run("get", "tasks"),
    room.run("get", "task", name, "-o", "json"),
    room.run("describe", "task", name),
  ]);
  expect(list.stdout).toMatch(/WAITS FOR\n.* gpu\n$/);
  expect(JSON.parse(one.stdout)).toMatchObject({
    phase: "Pending",
    priority: "high",
    requirements: { gpu: true },
    waiting: { reason: "NO_MATCHING_RUNNER", missing: ["gpu"] },
  });
  expect(text.stdout).toMatch(/Waits: +no runner announces gpu; 1 runner seen, nearest plain lacks gpu/);

  const box = spawn(process.execPath, [...ENTRY, "runner", "--id", "box", "--lease", "relaxed", "--env", world.env], {
    env: { ...process.env, COUNTWHEEL_REDIS_URL: server.url },
    stdio: "ignore",
  });
  const ended = await world.ended({ env: world.env, namespace: "default", name }, 40_000);
  expect([ended.phase, ended.activations[0]?.holder]).toEqual(["Succeeded", "box"]);
  expect((await room.run("get", "tasks")).stdout).not.toContain("WAITS FOR");
  const runners = await room.run("get", "runners");
  expect(runners.stdout).toMatch(/^box +- +yes +all +\d of 3 +20(?:\.0)? s/m);
  expect(JSON.parse((await room.run("get", "runners", "-o", "json")).stdout).items).toMatchObject([
    { id: "box", gpu: true, concurrency: 3, leaseMs: 20_000 },
    { id: "plain", gpu: false },
  ]);
  box.kill("SIGTERM");
});

it("refuses a lease that any pause of the machine would lose", async () => {
  expect(await room.run("runner", "--lease", "10ms")).toMatchObject({ code: 64 });
});
