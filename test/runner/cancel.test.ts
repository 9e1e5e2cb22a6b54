// A cancellation on its way to what an agent waits for: a tool over HTTP, the processes of an MCP server.
import { expect, it } from "vitest";
import type { Manifest } from "../../contracts/manifest.ts";
import { requestCancel } from "../../store/tasks.ts";
import { withWorlds } from "../redis.ts";
import { allGone, hostileSpec, makeLog } from "./mcp/servers.ts";
import { openToolServer } from "./tool-server.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "./world.ts";

let world: World;

withWorlds(openWorld, (opened) => {
  world = opened;
});

/** With a lease that is renewed every 20 seconds: nothing but the call can be what stops it. */
async function cancelled(tool: string, provider: Manifest, begun: () => Promise<unknown>) {
  await world.runner({ leaseMs: 60_000 });
  const script = [{ turn: 1, call: [{ tool, arguments: { text: "x" } }] }];
  const manifests = [agent("a", { tools: [tool] }), system("one", ["a"]), mockModel("mock", script), provider];
  const ref = await world.start(manifests, "one");
  await begun();
  await requestCancel(world.redis, ref, "ada");
  const task = await world.ended(ref, 10_000);
  expect(task.phase).toBe("Cancelled");
  return world.trace(ref);
}

it("ends the request of an HTTP tool, and writes no result", async () => {
  const tools = await openToolServer();
  const call = tools.nextCall();
  const events = await cancelled("look", tools.tool("look"), () => call);
  expect(events.map(({ type }) => type).slice(-2)).toEqual(["tool.called", "task.cancelled"]);
  await tools.close();
});

it("kills a stdio server that is at work on a call, with its whole process group", async () => {
  const log = await makeLog();
  const spec = hostileSpec("hanging-family", log.path);
  const isCalled = async (): Promise<void> => {
    const called = async (): Promise<boolean> => (await log.lines()).some((line) => line.startsWith("call"));
    await expect.poll(called, { timeout: 15_000 }).toBe(true);
  };
  await cancelled("slow--echo-text", manifest("McpServer", "slow", { ...spec }), isCalled);
  await allGone(log);
  expect((await log.pids()).length).toBeGreaterThan(1);
  await log.remove();
});
