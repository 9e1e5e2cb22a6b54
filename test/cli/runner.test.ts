import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { ENTRY } from "./command.ts";

let server: TestRedis;
let world: World;

beforeAll(async () => {
  server = await testRedis();
  world = openWorld(server.url);
});
afterAll(async () => {
  await world.close();
  await server.stop();
});

function startCommand(args: readonly string[]) {
  const child = spawn(process.execPath, [...ENTRY, "runner", "--redis", server.url, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((resolve) => void child.once("exit", resolve));
  return { child, exited, lines: createInterface({ input: child.stdout }) };
}

async function nextEvent(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  return done === true ? "end" : String(JSON.parse(value).event);
}

it("works until SIGTERM, ends what is under way, and exits 0", async () => {
  const { child, exited, lines } = startCommand(["--env", world.env, "--id", "hall", "--lease", "1s", "-o", "jsonl"]);
  const events = lines[Symbol.asyncIterator]();
  expect(await nextEvent(events)).toBe("ready");
  const slow = [{ agent: "a", latency: "700ms", say: "done" }];
  const ref = await world.start([agent("a"), system("one", ["a"]), mockModel("mock", slow)], "one");
  await world.until(ref, ({ trace }) => trace.seq >= 6);
  child.kill("SIGTERM");
  expect([await nextEvent(events), await nextEvent(events)]).toEqual(["draining", "stopped"]);
  expect(await exited).toBe(0);
  const task = await world.task(ref);
  expect([task.phase, task.activations[0]?.holder]).toEqual(["Succeeded", "hall"]);
});

it("refuses a name that could not stand in a key, as wrong usage", async () => {
  const { exited } = startCommand(["--id", "a:b"]);
  expect(await exited).toBe(64);
});

it("ends on SIGTERM also when its Redis has gone", async () => {
  const lost = await testRedis();
  const child = spawn(process.execPath, [...ENTRY, "runner", "--redis", lost.url, "-o", "jsonl"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = new Promise<number | null>((resolve) => void child.once("exit", resolve));
  const events = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect(await nextEvent(events)).toBe("ready");
  await lost.stop();
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
});
