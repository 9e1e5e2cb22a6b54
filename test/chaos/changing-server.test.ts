// An MCP server that says `list_changed` in the middle of a task: what the task began with holds, and nothing else is called.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type TestRedis, testRedis } from "../redis.ts";
import { hostileSpec, makeLog, type ServerLog } from "../runner/mcp/servers.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { breachesOf, Onlooker } from "./real-history.ts";

let server: TestRedis;
let world: World;
let onlooker: Onlooker;
let log: ServerLog;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  onlooker = new Onlooker(world);
  log = await makeLog();
});
afterEach(async () => {
  await world.close();
  await log.remove();
});

/** The server changes its tool `write` with every call of `echo_text`. */
function startCalling(second: string) {
  const script = [
    { turn: 1, call: [{ tool: "notes--echo-text", arguments: { text: "hello" } }] },
    { turn: 2, call: [{ tool: second, arguments: { text: "again" } }] },
    { turn: 3, say: "done" },
  ];
  const definitions = [
    agent("a", { tools: ["notes--echo-text", "notes--write"] }),
    system("one", ["a"]),
    manifest("McpServer", "notes", { ...hostileSpec("restless", log.path) }),
    mockModel("mock", script),
  ];
  return world.start(definitions, "one");
}

async function called(): Promise<readonly string[]> {
  return (await log.lines()).filter((line) => line.startsWith("call ")).map((line) => line.split(" ")[1] ?? "");
}

it("goes on calling a tool that is still what it was", async () => {
  await world.runner();
  const ref = await startCalling("notes--echo-text");
  const task = await world.ended(ref);
  expect([task.phase, await called()]).toEqual(["Succeeded", ["echo_text", "echo_text"]]);
  expect(await breachesOf(world, onlooker, [ref])).toEqual([]);
});

it("never calls a tool that has become another one, and tells the model and the trace", async () => {
  await world.runner();
  const ref = await startCalling("notes--write");
  const task = await world.ended(ref);
  expect([task.phase, await called()]).toEqual(["Succeeded", ["echo_text"]]);
  const failed = (await world.trace(ref)).filter(({ type }) => type === "tool.failed");
  expect(failed).toMatchObject([{ tool: "notes--write", code: "TOOL_DRIFTED", effectUnknown: false }]);
  expect(await breachesOf(world, onlooker, [ref])).toEqual([]);
});
