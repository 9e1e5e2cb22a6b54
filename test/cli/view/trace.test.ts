// The waterfall: what a person reads of a trace, from events alone.
import { expect, it } from "vitest";
import { renderTrace } from "../../../cli/view/trace.ts";
import type { TaskRecord } from "../../../contracts/task.ts";
import { chainStart, type TraceDraft, verifyChain } from "../../../contracts/trace.ts";
import { chainedEvents } from "../../contracts/chained.ts";

const at = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
const draft = (type: TraceDraft["type"], ms: number, more: Partial<TraceDraft> = {}): TraceDraft => ({
  type,
  at: at(ms),
  ...more,
});
const place = { activation: "writer#1", agent: "writer" };
const DENIAL = {
  code: "TOOL_BLOCKED",
  message: "`rm` is blocked",
  details: { tool: "rm", policy: "AgentPolicy/default/cost-policy", rule: "spec.blocked_tools[0]" },
};
const DRAFTS: readonly TraceDraft[] = [
  draft("task.created", 0),
  draft("task.taken_over", 1_000, {
    ...place,
    epoch: 2,
    attempt: 2,
    data: { from: "r1", runner: "r2", afterMs: 5_400 },
  }),
  draft("agent.started", 1_000, { ...place, data: { runner: "r2" } }),
  draft("model.called", 1_000, { ...place, turn: 1, step: "m1", data: { model: "gpt" } }),
  draft("model.answered", 3_000, {
    ...place,
    turn: 1,
    step: "m1",
    data: {
      model: "gpt",
      inputTokens: 1_200,
      outputTokens: 30,
      latencyMs: 2_000,
      finishReason: "tool_use",
      costUsd: null,
    },
  }),
  draft("tool.denied", 3_000, { ...place, turn: 1, step: "m1.c0", data: { ...DENIAL } }),
  draft("agent.failed", 3_100, { ...place, data: { code: "TOOL_BLOCKED" } }),
];

function view(drafts: readonly TraceDraft[]) {
  const events = chainedEvents("default/t", { seq: 0, head: chainStart("default/t") }, drafts);
  const head = { seq: events.length, head: events.at(-1)?.hash ?? "" };
  const task: TaskRecord = {
    name: "t",
    namespace: "default",
    system: "s",
    phase: "Failed",
    priority: "normal",
    requirements: {},
    attempts: 2,
    input: {},
    output: null,
    budget: { reservedTokens: 0, reservedUsd: 0, steps: 0, calls: {} },
    tokens: { input: 1_200, output: 30 },
    costUsd: null,
    createdAt: at(0),
    startedAt: at(1_000),
    finishedAt: at(3_100),
    snapshot: "sha256:00",
    plan: null,
    trace: head,
    activations: [],
  };
  const placeOf = (address: string): string | undefined =>
    address === "AgentPolicy/default/cost-policy" ? "agents/policy.yaml:3" : undefined;
  return { task, events, verdict: verifyChain("default/t", events, head), placeOf };
}

const render = (drafts: readonly TraceDraft[]): string => renderTrace(view(drafts), (_style, text) => text, 100);

it("names who worked, who was taken over from, what was denied and by which line", () => {
  const text = render(DRAFTS);
  expect(text).toContain("1 agent · 1 turn · 0 calls, 1 denied · 1,200 in / 30 out · -");
  expect(text).toContain("chain 7 events, verified");
  expect(text).toMatch(/taken over from r1 after 5\.4 s .*epoch 2, attempt 2/);
  expect(text).toMatch(/writer +r2 .*failed: TOOL_BLOCKED/);
  expect(text).toMatch(/turn 1 {2}gpt .*2\.0 s +1,200 \/ 30 {3}stop: tool_use/);
  expect(text).toMatch(/rm .*✕ denied {2}TOOL_BLOCKED/);
  expect(text).toContain("because of AgentPolicy/default/cost-policy, spec.blocked_tools[0], agents/policy.yaml:3");
});

it("sums the tokens of an agent over its turns", () => {
  const answered = (turn: number): TraceDraft[] => [
    draft("model.called", turn, { ...place, turn, step: `m${turn}` }),
    draft("model.answered", turn, {
      ...place,
      turn,
      step: `m${turn}`,
      data: { inputTokens: 700, outputTokens: 20, costUsd: 0 },
    }),
  ];
  const text = render([
    draft("agent.started", 0, { ...place, data: { runner: "r1" } }),
    ...answered(1),
    ...answered(2),
    draft("agent.finished", 3, place),
  ]);
  expect(text).toMatch(/writer +r1 .*1,400 \/ 40/);
});

it("shows a chain that was tampered with as broken, with the first event that cannot be believed", () => {
  const shown = view(DRAFTS);
  const [first, ...rest] = shown.events;
  const forged = first === undefined ? [] : [{ ...first, system: "other" }, ...rest];
  const verdict = verifyChain("default/t", forged, shown.task.trace);
  expect(renderTrace({ ...shown, events: forged, verdict }, (_style, text) => text, 100)).toContain(
    "chain BROKEN at event 1 (altered)",
  );
});
