import { describe, expect, it } from "vitest";
import type { StepRecord, StepState, ToolEffect } from "../../../contracts/step.ts";
import { findModelStep, findToolStep } from "../../../runner/agent/ladder.ts";

const answer = {
  text: "hi",
  toolCalls: [],
  inputTokens: 1,
  outputTokens: 1,
  finishReason: "stop" as const,
  provider: "mock",
  model: "m",
};

function step(id: string, state: StepState, more: Partial<StepRecord> = {}): StepRecord {
  return { activation: "a#1", step: id, state, idempotencyKey: "k", ...more };
}

describe("the ladder of a model turn", () => {
  it("calls where nothing is recorded", () => {
    expect(findModelStep([], 1)).toEqual({ do: "call", retry: 0 });
  });

  it("reuses a recorded answer and looks at its own turn only", () => {
    const steps = [step("m1", "done", { model: answer })];
    expect(findModelStep(steps, 1)).toEqual({ do: "reuse", answer });
    expect(findModelStep(steps, 2)).toEqual({ do: "call", retry: 0 });
  });

  it("goes on with the try that waits for a person: it has not been made", () => {
    expect(findModelStep([step("m1", "failed"), step("m1.r1", "decided")], 1)).toEqual({ do: "call", retry: 1 });
  });

  it.each<StepState>(["started", "failed"])("makes a new try after one that is %s", (state) => {
    expect(findModelStep([step("m1", state)], 1)).toEqual({ do: "call", retry: 1 });
  });

  it("finds the answer of a later try", () => {
    const steps = [step("m1", "failed"), step("m1.r1", "started"), step("m1.r2", "done", { model: answer })];
    expect(findModelStep(steps, 1)).toEqual({ do: "reuse", answer });
  });

  it("counts a try that failed before it was recorded: what was answered after it is not asked again", () => {
    const steps = [step("m1.r2", "done", { model: answer }), step("m11.r4", "failed")];
    expect(findModelStep(steps, 1)).toEqual({ do: "reuse", answer });
    expect(findModelStep([step("m1.r2", "started"), step("m1.c1.r5", "done")], 1)).toEqual({ do: "call", retry: 3 });
  });
});

describe("the ladder of a tool call", () => {
  const result = { text: "ok", isError: false };

  it.each<[string, StepState, ToolEffect, string]>([
    ["decided, not started", "decided", "write", "call"],
    ["started, a read", "started", "read", "call"],
    ["started, idempotent", "started", "idempotent", "call"],
    ["started, a write", "started", "write", "find-out"],
  ])("%s", (_name, state, effect, expected) => {
    expect(findToolStep([step("m1.c1", state, { effect })], 1, 1)).toEqual({ do: expected, retry: 0 });
  });

  it("looks at the last of several tries, and at its own call only", () => {
    const failed = { effect: "read" as const, tool: result, retryable: true as const };
    const steps = [step("m1.c1", "failed", failed), step("m1.c1.r1", "failed", failed)];
    expect(findToolStep(steps, 1, 1)).toEqual({ do: "reuse", retry: 1, result, retryable: true });
    expect(findToolStep([...steps, step("m1.c1.r2", "decided")], 1, 1)).toEqual({ do: "call", retry: 2 });
    expect(findToolStep(steps, 1, 2)).toEqual({ do: "call", retry: 0 });
  });

  it.each<StepState>(["done", "failed"])("reuses what is %s, whatever its effect", (state) => {
    const found = findToolStep([step("m1.c1", state, { effect: "write", tool: result })], 1, 1);
    expect(found).toEqual({ do: "reuse", retry: 0, result, retryable: false });
  });

  it("never takes a write that began for one that did not, though its effect was not recorded", () => {
    expect(findToolStep([step("m1.c1", "started")], 1, 1).do).toBe("find-out");
  });
});
