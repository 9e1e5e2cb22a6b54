import { expect, it } from "vitest";
import { evidenceOf } from "../../contracts/evidence.ts";
import type { TraceEvent, TraceEventType } from "../../contracts/trace.ts";

let seq = 0;
function event(type: TraceEventType, more: Readonly<Record<string, unknown>> = {}): TraceEvent {
  seq += 1;
  const at = `2026-01-01T00:00:${String(seq).padStart(2, "0")}.000Z`;
  return { seq, at, task: "default/t", type, activation: "a#1", prev: "", hash: "", ...more };
}

it("tells each attempt that failed with its runner, and a runner that was lost", () => {
  const events = [
    event("agent.started", { runner: "r1", attempt: 1, epoch: 1 }),
    event("tool.called", { step: "m1.c1", tool: "pay" }),
    event("task.taken_over", { from: "r1", attempt: 2, epoch: 2 }),
    event("agent.started", { runner: "r2", attempt: 2, epoch: 2 }),
    event("model.called", { step: "m1", model: "gpt" }),
    event("model.failed", { step: "m1", code: "MODEL_TIMEOUT" }),
    event("retry.scheduled", { what: "model", code: "MODEL_TIMEOUT", message: "late" }),
    event("retry.scheduled", { what: "activation", code: "MODEL_TIMEOUT", message: "late" }),
    event("agent.started", { runner: "r2", attempt: 3, epoch: 3 }),
    event("model.called", { step: "m1.r1", model: "gpt" }),
    event("model.answered", { step: "m1.r1" }),
    event("agent.failed", { code: "TOOL_BLOCKED", message: "no" }),
  ];
  const { attempts, runners, lastSteps } = evidenceOf(events);
  expect(attempts.map(({ attempt, runner, failure }) => `${attempt} ${runner} ${failure?.code}`)).toEqual([
    "1 r1 RUNNER_LOST",
    "2 r2 MODEL_TIMEOUT",
    "3 r2 TOOL_BLOCKED",
  ]);
  expect(runners).toEqual(["r1", "r2"]);
  expect(lastSteps.map(({ what, ended }) => `${what}: ${ended}`)).toEqual([
    "tool pay: no result",
    "model gpt: MODEL_TIMEOUT",
    "model gpt: answered",
  ]);
});

it("does not count what went well among what failed, and bounds what it tells", () => {
  const well = [event("agent.started", { runner: "r1" }), event("agent.finished")];
  expect(evidenceOf(well)).toEqual({ attempts: [], runners: ["r1"], lastSteps: [] });
  const many = Array.from({ length: 60 }, () => event("model.called", { step: "m1", model: "gpt" }));
  expect(evidenceOf(many).lastSteps).toHaveLength(5);
});
