import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TaskRef } from "../../contracts/task.ts";
import { openQueue } from "../../store/queue.ts";
import { readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "../runner/tool-server.ts";
import {
  agent,
  chainVerdict,
  mockModel,
  openWorld,
  type RunnerChild,
  system,
  typesOf,
  type World,
} from "../runner/world.ts";

let server: TestRedis;
let world: World;
let tools: ToolServer;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  tools = await openToolServer();
});
afterEach(async () => {
  await world.close();
  await tools.close();
});

const script = [
  { agent: "work", turn: 1, call: [{ tool: "look" }] },
  { agent: "work", turn: 2, say: "used {{last}}" },
];

/** A task whose first agent ends and whose second one is in the middle of a tool call, on the first runner. */
async function inToolCall(
  effect: string,
  onUnknown = "stop",
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ ref: TaskRef; first: RunnerChild }> {
  const first = await world.child("first");
  const called = tools.nextCall();
  const ref = await world.start(
    [
      agent("before"),
      agent("work", { tools: ["look"] }),
      agent("after"),
      system("line", ["before", "work", "after"]),
      tools.tool("look", { effect, on_unknown: onUnknown, ...more }),
      tools.tool("looked", { effect: "read" }),
      mockModel("mock", script),
    ],
    "line",
  );
  await called;
  tools.answerAtOnce();
  return { ref, first };
}

async function kill({ process, exited }: RunnerChild): Promise<void> {
  process.kill("SIGKILL");
  await exited;
}

async function expectWholeTrace(ref: TaskRef): Promise<void> {
  const events = await world.trace(ref);
  expect(await chainVerdict(world, ref)).toBe("intact");
  // On a machine that is busy enough the first runner may have lost a short lease before, and taken it up again itself.
  const takeover = events.find(({ type, activation, runner }) => {
    return type === "task.taken_over" && activation === "work#1" && runner === "second";
  });
  expect(takeover?.["from"]).toBe("first");
  expect(takeover?.epoch).toBeGreaterThan(1);
  expect(takeover?.["afterMs"]).toBeGreaterThan(500);
  // What was recorded as done before the kill was not done again.
  expect(typesOf(events, "before#1").filter((type) => type === "model.answered")).toHaveLength(1);
  const answered = events.filter(({ type, activation }) => type === "model.answered" && activation === "work#1");
  expect(answered.map(({ turn }) => turn)).toEqual([1, 2]);
}

describe("kill -9 in the middle of a tool call", () => {
  it.each(["read", "idempotent"])("repeats a tool that is %s, with the same key, and ends the task", async (effect) => {
    const { ref, first } = await inToolCall(effect);
    await kill(first);
    await world.runner({ id: "second" });
    const task = await world.ended(ref);
    expect(task.phase).toBe("Succeeded");
    expect(tools.keys).toHaveLength(2);
    expect(new Set(tools.keys).size).toBe(1);
    await expectWholeTrace(ref);
  });

  it("stops a write for a person, who says that it was done: it is never called again", async () => {
    const { ref, first } = await inToolCall("write");
    await kill(first);
    await world.runner({ id: "second" });
    const unknown = await world.until(ref, ({ phase }) => phase === "Unknown");
    expect(unknown.lastError).toMatchObject({
      code: "EFFECT_UNKNOWN",
      details: { activation: "work#1", step: "m1.c1" },
    });
    await resolve(ref, (step) => ({ step: { ...step, state: "done", tool: { text: "it was sent", isError: false } } }));
    const task = await world.ended(ref);
    expect([task.phase, task.output?.["work"]]).toEqual(["Succeeded", "used it was sent"]);
    expect(tools.keys).toHaveLength(1);
    await expectWholeTrace(ref);
  });

  it("calls a write again, with the same key, when a person says that it did not happen", async () => {
    const { ref, first } = await inToolCall("write");
    await kill(first);
    await world.runner({ id: "second" });
    await world.until(ref, ({ phase }) => phase === "Unknown");
    await resolve(ref, (step) => ({ step: { ...step, state: "decided" } }));
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect(tools.keys).toHaveLength(2);
    expect(new Set(tools.keys).size).toBe(1);
  });

  it("asks the verify tool about a write, and does not call the write again that it knows of", async () => {
    const { ref, first } = await inToolCall("write", "stop", { verify: "looked" });
    await kill(first);
    tools.answerAtOnce('{"happened":true,"result":"it was sent"}');
    await world.runner({ id: "second" });
    const task = await world.ended(ref);
    expect([task.phase, task.output?.["work"]]).toEqual(["Succeeded", "used it was sent"]);
    // One call of the write, one of its verify tool.
    expect(new Set(tools.keys).size).toBe(2);
    expect(tools.keys).toHaveLength(2);
    await expectWholeTrace(ref);
  });

  it.each([
    ["retry", "Succeeded", 2],
    ["fail", "Failed", 1],
  ] as const)("does with a write what its manifest says: on_unknown %s", async (onUnknown, phase, calls) => {
    const { ref, first } = await inToolCall("write", onUnknown);
    await kill(first);
    await world.runner({ id: "second" });
    expect((await world.ended(ref)).phase).toBe(phase);
    expect(tools.keys).toHaveLength(calls);
    expect(new Set(tools.keys).size).toBe(1);
  });

  it("fails the task when a person says so", async () => {
    const { ref, first } = await inToolCall("write");
    await kill(first);
    await world.runner({ id: "second" });
    await world.until(ref, ({ phase }) => phase === "Unknown");
    await resolve(ref, () => ({ failure: { code: "EFFECT_UNKNOWN", message: "nobody knows" } }));
    const task = await world.ended(ref);
    expect([task.phase, task.lastError?.code]).toEqual(["Failed", "EFFECT_UNKNOWN"]);
    expect(tools.keys).toHaveLength(1);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });
});

type Word = Pick<Parameters<typeof resolveUnknown>[2], "step" | "failure">;
type Step = NonNullable<Awaited<ReturnType<typeof readBegunStep>>>;

async function resolve(task: TaskRef, word: (step: Step) => Word): Promise<void> {
  const step = await readBegunStep(world.redis, task, "work#1");
  if (step === undefined) throw new Error("no step had begun");
  const queue = openQueue(world.redis, task.env);
  const drafts = [{ type: "approval.decided" as const, at: new Date().toISOString(), activation: "work#1" }];
  const answer = await resolveUnknown(world.redis, queue, { task, activation: "work#1", drafts, ...word(step) });
  await queue.close();
  expect(answer.outcome).toBe("resolved");
}

describe("a runner that lives on", () => {
  it("writes nothing after it lost its lease while it stood still, though it wakes up again", async () => {
    const { ref, first } = await inToolCall("idempotent");
    first.process.kill("SIGSTOP");
    await world.runner({ id: "second" });
    const task = await world.ended(ref);
    const { trace } = task;
    first.process.kill("SIGCONT");
    // It comes to itself, finds its lease gone, and can be stopped in order.
    first.process.kill("SIGTERM");
    await first.exited;
    expect((await world.task(ref)).trace).toEqual(trace);
    expect(task.phase).toBe("Succeeded");
    await expectWholeTrace(ref);
  });

  it("drains on SIGTERM: it hands back what it cannot end in time, and another goes on at once", async () => {
    const first = await world.child("first");
    const slow = [{ agent: "a", turn: 1, latency: "30s", say: "never" }];
    const ref = await world.start([agent("a"), system("one", ["a"]), mockModel("mock", slow)], "one");
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    const second = await world.child("second");
    first.process.kill("SIGTERM");
    expect(await first.exited).toBe(3);
    await world.until(ref, ({ activations }) => activations[0]?.holder === "second");
    const events = await world.trace(ref);
    expect(events.find(({ type }) => type === "retry.scheduled")).toMatchObject({ code: "RUNNER_STOPPING" });
    expect(typesOf(events)).not.toContain("task.taken_over");
    second.process.kill("SIGKILL");
  });

  it("drains on SIGTERM: it ends what it can", async () => {
    const first = await world.child("first");
    const ref = await world.start(
      [agent("a"), system("one", ["a"]), mockModel("mock", [{ latency: "500ms", say: "ok" }])],
      "one",
    );
    await world.until(ref, ({ trace }) => trace.seq >= 6);
    first.process.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    expect((await world.task(ref)).phase).toBe("Succeeded");
  });
});
