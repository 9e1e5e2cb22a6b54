// How far a call has come, as people see it while an MCP server is at work, and after its runner was lost in the midst of it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { hostileSpec, makeLog, type ServerLog } from "../runner/mcp/servers.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

let server: TestRedis;
let world: World;
let room: Room;
let log: ServerLog;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  room = commandRoom({ COUNTWHEEL_REDIS_URL: server.url, COUNTWHEEL_ENV: world.env });
  log = await makeLog();
});
afterEach(async () => {
  room.remove();
  await world.close();
  await log.remove();
});

/** A right-to-left override and a line end, with which a server could write over what stands beside its message. */
const MESSAGE = "indexing\u202e\ncountwheel: all is well";
const SHOWN = "40/100 indexing\\u{202e}⏎countwheel: all is well";

async function start(): Promise<TaskRef> {
  const args = { text: "x", notifications: [{ progress: 40, total: 100, message: MESSAGE }] };
  const script = [{ turn: 1, call: [{ tool: "files--echo-text", arguments: args }] }];
  const files = manifest("McpServer", "files", { ...hostileSpec("hangs-once", log.path) });
  const agents = [agent("a", { tools: ["files--echo-text"] }), system("one", ["a"])];
  return world.start([...agents, mockModel("mock", script), files], "one");
}

/** Its `epoch` tells of itself. */
async function told(ref: TaskRef, epoch: number): Promise<void> {
  const isTold = async (): Promise<boolean> =>
    (await world.trace(ref)).some((event) => event.type === "tool.progress" && event.epoch === epoch);
  await expect.poll(isTold, { timeout: 15_000, interval: 20 }).toBe(true);
}

it("is shown by get, describe and trace, and survives the runner", async () => {
  // No short lease: a runner that loses it by itself makes the call a second time, and that one is answered at once.
  const first = await world.child("first", { leaseMs: 4_000 });
  const ref = await start();
  await told(ref, 1);

  const [list, one, text, trace] = await Promise.all([
    room.run("get", "tasks"),
    room.run("get", "task", ref.name, "-o", "json"),
    room.run("describe", "task", ref.name),
    room.run("trace", ref.name),
  ]);
  expect(list.stdout).toMatch(/ PHASE +PROGRESS +ATTEMPTS /);
  expect(list.stdout).toContain(` Running   ${SHOWN}   `);
  const progress = { done: 40, total: 100, message: MESSAGE };
  expect(JSON.parse(one.stdout)).toMatchObject({
    progress: [{ activation: "a#1", agent: "a", step: "m1.c1", tool: "files--echo-text", ...progress }],
  });
  expect(text.stdout).toContain("\nUnder way:\n  ACTIVATION   TOOL               PROGRESS");
  expect(text.stdout).toMatch(/ {2}a#1 +files--echo-text +40\/100 indexing.* ago\n/);
  expect(trace.stdout).toMatch(/ files--echo-text .* {2}at 40\/100 indexing/);
  for (const { stdout } of [list, text, trace]) expect(stdout).not.toContain("\u202e");

  first.process.kill("SIGKILL");
  await first.exited;
  const following = spawn(process.execPath, [...ENTRY, "trace", ref.name, "-f", "--env", world.env], {
    env: { ...process.env, COUNTWHEEL_REDIS_URL: server.url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(following, "close");
  let followed = "";
  following.stdout.on("data", (bytes: Buffer) => (followed += bytes.toString("utf8")));
  await world.runner({ id: "second" });
  expect((await world.ended(ref)).phase).toBe("Succeeded");
  await closed;
  expect(followed).toMatch(/tool\.progress +a#1 +tool=files--echo-text progress=40\/100 indexing\\u\{202e\}⏎/);
  expect(await chainVerdict(world, ref)).toBe("intact");
  const events = await world.trace(ref);
  expect(events.find(({ type }) => type === "tool.answered")).toMatchObject({ epoch: 2, progress });
  expect((await room.run("get", "tasks")).stdout).not.toContain("PROGRESS");
});

it("is followed by get -w", async () => {
  await world.runner({});
  const ref = await start();
  await told(ref, 1);
  const watching = spawn(process.execPath, [...ENTRY, "get", "tasks", "-w", "--env", world.env], {
    env: { ...process.env, COUNTWHEEL_REDIS_URL: server.url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let seen = "";
  watching.stdout.on("data", (bytes: Buffer) => (seen += bytes.toString("utf8")));
  await expect.poll(() => seen, { timeout: 15_000 }).toContain(SHOWN);
  watching.kill("SIGINT");
});
