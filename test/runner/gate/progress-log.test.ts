// How far a call has come is written while it is at work: seldom enough to cost nothing, and the last word is never lost.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ToolProgress } from "../../../contracts/tool-progress.ts";
import { callTool } from "../../../runner/gate/door.ts";
import { createGate } from "../../../runner/gate/gate.ts";
import type { ToolOutcome } from "../../../runner/gate/tool-effect.ts";
import type { ToolAnswer } from "../../../runner/tools/tool.ts";
import { gateOptions, MemoryRecorder, postingTool, toolAsk } from "./desk.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Running {
  readonly recorder: MemoryRecorder;
  readonly tell: (progress: ToolProgress) => void;
  readonly answer: (answer: ToolAnswer) => void;
  readonly fail: (error: Error) => void;
  readonly stop: AbortController;
  readonly outcome: Promise<ToolOutcome>;
}

/** A call that is at work until it is told otherwise. */
async function start(recorder = new MemoryRecorder(), secrets: readonly string[] = []): Promise<Running> {
  let told: Omit<Running, "recorder" | "stop" | "outcome"> | undefined;
  const tool = postingTool("", {
    timeoutMs: 24 * 3_600_000,
    call: (_, { onProgress: tell = () => undefined }) =>
      new Promise((answer, fail) => {
        told = { tell, answer, fail };
      }),
  });
  const options = gateOptions({ tools: [tool], recorder, secrets });
  const clock = { ...options.clock, monotonicMs: () => performance.now() };
  const asked = await createGate({ ...options, clock }).requestTool(toolAsk());
  if (asked.outcome !== "permitted") throw new Error(asked.outcome);
  const stop = new AbortController();
  const outcome = callTool(asked.permit, stop.signal);
  outcome.catch(() => undefined);
  if (told === undefined) throw new Error("the call has not begun");
  return { recorder, ...told, stop, outcome };
}

function progressOf({ recorder }: Running): readonly unknown[] {
  return recorder.events.filter(({ type }) => type === "tool.progress").map(({ data }) => data?.["progress"]);
}

it("of a call that is over within a second only the last word is written, with its answer", async () => {
  const call = await start();
  call.tell({ done: 1, total: 3, message: "reads" });
  call.tell({ done: 3, total: 3, message: "is done" });
  await vi.advanceTimersByTimeAsync(900);
  call.answer({ text: "x", isError: false });
  await call.outcome;
  expect(progressOf(call)).toEqual([]);
  expect(call.recorder.events.at(-1)).toMatchObject({
    type: "tool.answered",
    data: { progress: { done: 3, total: 3, message: "is done" } },
  });
  expect(vi.getTimerCount()).toBe(0);
});

it("is written once a second at first, with what was told last, and nothing twice", async () => {
  const call = await start();
  for (let done = 1; done <= 30; done += 1) {
    call.tell({ done, total: 100 });
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(progressOf(call)).toEqual([10, 20, 30].map((done) => ({ done, total: 100 })));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(progressOf(call)).toHaveLength(3);
  call.tell({ done: 31, total: 100 });
  await vi.advanceTimersByTimeAsync(0);
  expect(progressOf(call).at(-1)).toEqual({ done: 31, total: 100 });
});

it("is written ever more seldom, so that twelve hours are less than 180 events", async () => {
  const call = await start();
  for (let done = 1; done <= 12 * 3_600; done += 1) {
    call.tell({ done });
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(progressOf(call).length).toBeGreaterThan(100);
  expect(progressOf(call).length).toBeLessThan(180);
  call.fail(new Error("gone"));
  await call.outcome;
  expect(call.recorder.events.at(-1)).toMatchObject({
    type: "tool.failed",
    data: { progress: { done: 12 * 3_600 } },
  });
});

it("a flood is one timer, and one event", async () => {
  const call = await start();
  const before = vi.getTimerCount();
  for (let done = 1; done <= 100_000; done += 1) call.tell({ done });
  expect(vi.getTimerCount()).toBe(before + 1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(progressOf(call)).toEqual([{ done: 100_000 }]);
});

it("holds no secret, in the meantime and at the end", async () => {
  const secret = "sk-a-secret-that-a-server-knows";
  const call = await start(new MemoryRecorder(), [secret]);
  call.tell({ done: 1, message: `signs in with ${secret}` });
  await vi.advanceTimersByTimeAsync(1_000);
  call.answer({ text: "x", isError: false });
  await call.outcome;
  const redacted = { done: 1, message: "signs in with [secret]" };
  expect(progressOf(call)).toEqual([redacted]);
  expect(call.recorder.events.at(-1)?.data).toMatchObject({ progress: redacted });
});

it("is not written any more once the call is over or stopped", async () => {
  const [over, stopped] = [await start(), await start()];
  for (const call of [over, stopped]) call.tell({ done: 1 });
  over.answer({ text: "x", isError: false });
  const reason = new Error("the lease is lost");
  stopped.stop.abort(reason);
  await over.outcome;
  await expect(stopped.outcome).rejects.toBe(reason);
  for (const call of [over, stopped]) {
    call.tell({ done: 2 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(progressOf(call)).toEqual([]);
  }
  expect(stopped.recorder.types()).not.toContain("tool.answered");
});

it("stands before the answer that comes while it is written", async () => {
  let write: () => void = () => undefined;
  class SlowRecorder extends MemoryRecorder {
    override async record(...[drafts, change]: Parameters<MemoryRecorder["record"]>) {
      if (drafts.some(({ type }) => type === "tool.progress")) await new Promise<void>((resolve) => (write = resolve));
      return super.record(drafts, change);
    }
  }
  const call = await start(new SlowRecorder());
  call.tell({ done: 1 });
  await vi.advanceTimersByTimeAsync(1_000);
  call.answer({ text: "x", isError: false });
  await vi.advanceTimersByTimeAsync(0);
  expect(call.recorder.types()).not.toContain("tool.answered");
  write();
  await call.outcome;
  expect(call.recorder.types().slice(-2)).toEqual(["tool.progress", "tool.answered"]);
});

it("fails no call where it cannot be written", async () => {
  // Its decision and its beginning are one record.
  const call = await start(new MemoryRecorder({ from: 2, error: new Error("the lease is lost") }));
  call.tell({ done: 1 });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(progressOf(call)).toEqual([]);
  call.answer({ text: "x", isError: false });
  expect(await call.outcome).toMatchObject({ outcome: "answered", result: { text: "x" } });
});
