// One loss at one moment each, on real processes: before a call gets out, in the middle of a stream, with a blocked loop, and
// with definitions and policies that change. The invariants judge every one of them.
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import type { PersonsWord } from "../history/history.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import {
  agent,
  manifest,
  mockModel,
  openWorld,
  type RunnerChild,
  system,
  typesOf,
  type World,
} from "../runner/world.ts";
import { sayAgain } from "./persons-word.ts";
import { breachesOf, Onlooker } from "./real-history.ts";
import { openSeenTools, type SeenTools } from "./seen-tools.ts";

let server: TestRedis;
let world: World;
let tools: SeenTools;
let onlooker: Onlooker;
const closing: (() => void)[] = [];

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  tools = await openSeenTools(() => 0);
  onlooker = new Onlooker(world);
});
afterEach(async () => {
  await world.close();
  await tools.close();
  for (const close of closing.splice(0)) close();
});

async function kill({ process, exited }: RunnerChild): Promise<void> {
  process.kill("SIGKILL");
  await exited;
}

async function expectNoBreach(ref: TaskRef, retriesByPerson: readonly PersonsWord[] = []): Promise<void> {
  expect(await breachesOf(world, onlooker, [ref], { tools, retriesByPerson })).toEqual([]);
}

/** Takes the first connection and lets nothing through; what comes later reaches the tools. */
async function openSwallowing(port: number): Promise<{ readonly port: number; readonly swallowed: Promise<void> }> {
  let tell = (): void => undefined;
  const swallowed = new Promise<void>((resolve) => {
    tell = resolve;
  });
  let isFirst = true;
  const sockets = new Set<Socket>();
  const gateway = createTcpServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    if (!isFirst) return void socket.pipe(connect(port, "127.0.0.1").on("error", () => undefined)).pipe(socket);
    isFirst = false;
    socket.once("data", tell);
  });
  gateway.listen(0, "127.0.0.1");
  await once(gateway, "listening");
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    gateway.close();
  });
  return { port: (gateway.address() as AddressInfo).port, swallowed };
}

it.each(["read", "idempotent", "write"] as const)(
  "makes a %s call once whose runner was killed before it got out",
  async (effect) => {
    const gateway = await openSwallowing(tools.port);
    const first = await world.child("first");
    const ref = await world.start(
      [
        agent("a", { tools: ["use"] }),
        system("one", ["a"]),
        ...tools.tools({ use: effect }, gateway.port),
        mockModel("mock", [{ turn: 1, call: [{ tool: "use" }] }, { say: "done" }]),
      ],
      "one",
    );
    await gateway.swallowed;
    await onlooker.look(ref);
    await kill(first);
    await world.runner({ id: "second" });
    const words: PersonsWord[] = [];
    if (effect === "write") {
      await world.until(ref, ({ phase }) => phase === "Unknown");
      words.push(await sayAgain(world.redis, ref, "a#1"));
    }
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect(tools.calls).toHaveLength(1);
    await expectNoBreach(ref, words);
  },
);

it("asks the model again whose stream was cut by kill -9, and leaves the lost try charged", async () => {
  const model = await openStreaming();
  const first = await world.child("first");
  const spec = { provider: "openai-compatible", base_url: model.url, default_model: "m-1" };
  const ref = await world.start([agent("a"), system("one", ["a"]), manifest("ModelEndpoint", "mock", spec)], "one");
  await model.streaming;
  await onlooker.look(ref);
  await kill(first);
  await world.runner({ id: "second" });
  const task = await world.ended(ref);
  expect([task.phase, task.output?.["a"]]).toEqual(["Succeeded", "it is done"]);
  const events = await world.trace(ref);
  expect(typesOf(events, "a#1").filter((type) => type.startsWith("model."))).toEqual([
    "model.called",
    "model.called",
    "model.answered",
  ]);
  const { ledger } = await onlooker.history(ref, []);
  expect(ledger.reservedTokens).toBeGreaterThan(0);
  await expectNoBreach(ref);
});

/** A provider whose first answer stops in the middle of its stream. */
async function openStreaming(): Promise<{ readonly url: string; readonly streaming: Promise<void> }> {
  let tell = (): void => undefined;
  const streaming = new Promise<void>((resolve) => {
    tell = resolve;
  });
  let isFirst = true;
  const chunk = (choice: object, more: object = {}): string =>
    `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m-1", choices: [{ index: 0, ...choice }], ...more })}\n\n`;
  const provider = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ delta: { role: "assistant", content: "it is " }, finish_reason: null }));
    if (isFirst) {
      isFirst = false;
      return tell();
    }
    response.write(chunk({ delta: { content: "done" }, finish_reason: null }));
    const usage = { prompt_tokens: 20, completion_tokens: 3, total_tokens: 23 };
    response.end(`${chunk({ delta: {}, finish_reason: "stop" }, { usage })}data: [DONE]\n\n`);
  });
  provider.listen(0, "127.0.0.1");
  await once(provider, "listening");
  closing.push(() => {
    provider.closeAllConnections();
    provider.close();
  });
  return { url: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`, streaming };
}

it("lets a runner whose event loop was blocked for two leases write nothing under the lease that it lost", async () => {
  const first = await world.child("first");
  const slow = [{ agent: "a", latency: "3s", say: "done" }];
  const ref = await world.start([agent("a"), agent("b"), system("two", ["a", "b"]), mockModel("mock", slow)], "two");
  await world.until(ref, ({ trace }) => trace.seq >= 5);
  await world.runner({ id: "second" });
  first.process.kill("SIGUSR2");
  const task = await world.ended(ref, 25_000);
  expect(task.phase).toBe("Succeeded");
  first.process.kill("SIGTERM");
  await first.exited;
  expect((await world.task(ref)).trace).toEqual(task.trace);
  expect(typesOf(await world.trace(ref))).toContain("task.taken_over");
  await expectNoBreach(ref);
}, 60_000);

it("keeps a task to its definitions while others are applied, and to the policies of now where they are tighter", async () => {
  const script = (say: string) => [
    { turn: 1, latency: "1500ms", call: [{ tool: "look" }] },
    { turn: 2, say },
  ];
  const before = [
    agent("a", { tools: ["look"], prompt: "You are the old one." }),
    system("one", ["a"]),
    ...tools.tools({ look: "read" }),
    mockModel("mock", script("old")),
  ];
  const [, ...rest] = before;
  await world.apply(before);
  await world.runner();
  const kept = await world.start(before, "one");
  await world.until(kept, ({ trace }) => trace.seq >= 5);
  // Edited and renamed in the middle of the task: it goes on with what it started with.
  await world.apply([
    agent("renamed", { prompt: "You are the new one." }),
    system("one", ["renamed"]),
    ...rest.slice(1),
  ]);
  expect((await world.ended(kept)).output?.["a"]).toBe("old");
  await expectNoBreach(kept);

  const stopped = await world.start(before, "one");
  await world.until(stopped, ({ trace }) => trace.seq >= 5);
  await world.apply([...before, manifest("AgentPolicy", "tight", { apply_mode: "global", blocked_tools: ["look"] })]);
  const task = await world.ended(stopped);
  expect([task.phase, task.lastError?.code]).toEqual(["Failed", "TOOL_BLOCKED"]);

  // Loosened for everybody, and still tight for who began under it.
  const tight = [...before, manifest("AgentPolicy", "tight", { apply_mode: "global", blocked_tools: ["look"] })];
  const bound = await world.start(tight, "one");
  await world.until(bound, ({ trace }) => trace.seq >= 5);
  await world.apply(before);
  expect((await world.ended(bound)).lastError?.code).toBe("TOOL_BLOCKED");
});
