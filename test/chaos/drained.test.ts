// What is left of a runner that has worked and drained: no process, no timer, no handle, no key.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { queuePrefix, runnerKey, runnersKey } from "../../store/keys.ts";
import { childProgram } from "../children.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { allGone, hostileSpec, makeLog, type ServerLog } from "../runner/mcp/servers.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { breachesOf, Onlooker } from "./real-history.ts";
import { openSeenTools, type SeenTools } from "./seen-tools.ts";

let server: TestRedis;
let world: World;
let tools: SeenTools;
let log: ServerLog;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  tools = await openSeenTools(() => 0);
  log = await makeLog();
});
afterEach(async () => {
  await world.close();
  await tools.close();
  await log.remove();
});

it("leaves no process, timer, handle or key behind when it drains", async () => {
  const program = childProgram("runner/draining-child.ts");
  const child = spawn(process.execPath, [program, server.url, world.env, "drained"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    expect((await lines.next()).value).toBe("ready");
    const call = [{ tool: "notes--echo-text", arguments: { text: "hello" } }, { tool: "put" }];
    const definitions = [
      agent("a", { tools: ["notes--echo-text", "put"] }),
      agent("b"),
      system("line", ["a", "b"]),
      manifest("McpServer", "notes", { ...hostileSpec("family", log.path) }),
      ...tools.tools({ put: "idempotent" }),
      mockModel("mock", [{ agent: "a", turn: 1, call }, { say: "done" }]),
    ];
    const ref = await world.start(definitions, "line");
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect(await log.pids()).toHaveLength(2);
    expect(await world.redis.exists(runnerKey(world.env, "drained"))).toBe(1);

    child.kill("SIGTERM");
    // By itself: an open handle or timer would have kept it.
    expect(await exited).toEqual([0, null]);
    await allGone(log);
    expect(await world.redis.exists(runnerKey(world.env, "drained"), runnersKey(world.env))).toBe(0);
    expect(await world.redis.keys(`${queuePrefix(world.env)}*:lock`)).toEqual([]);
    expect(await breachesOf(world, new Onlooker(world), [ref], { tools })).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});
