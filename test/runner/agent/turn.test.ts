// A turn at a real gate: which model is asked next, and which answers go no further.
import { expect, test } from "vitest";
import type { ModelAnswer, StepRecord } from "../../../contracts/step.ts";
import type { AgentDesk, ModelChoice } from "../../../runner/agent/desk.ts";
import { readExecution } from "../../../runner/agent/execution.ts";
import { runAgent } from "../../../runner/agent/loop.ts";
import { MemoryRecorder, NEVER, openGate } from "../gate/desk.ts";

const ANSWER: ModelAnswer = {
  text: "done",
  toolCalls: [],
  inputTokens: 4,
  outputTokens: 2,
  finishReason: "stop",
  provider: "mock",
  model: "m",
};

/** Answers one after the other; the last one again and again. */
function choice(endpoint: string, ...answers: readonly Partial<ModelAnswer>[]): ModelChoice {
  let asked = 0;
  const model = {
    provider: "mock",
    complete: async () => ({ ...ANSWER, ...answers[Math.min((asked += 1), answers.length) - 1] }),
  };
  const enter = async () => ({ state: "may-call", leave: async () => undefined }) as const;
  return { endpoint, open: async () => ({ model, name: "m", maxOutputTokens: 100, price: null, enter }) };
}

function desk(models: readonly ModelChoice[], steps: readonly StepRecord[] = []) {
  const recorder = new MemoryRecorder();
  const of: AgentDesk = {
    agent: "writer",
    system: "Write.",
    input: {},
    messages: [],
    tools: [],
    maxSteps: 4,
    models,
    modelRetry: { maxAttempts: 1, backoffMs: 0, maxBackoffMs: 0 },
    gate: openGate({ recorder }),
    output: undefined,
    execution: readExecution(undefined),
    redact: (text) => text,
    toolRules: () => ({
      retry: { maxAttempts: 1, backoffMs: 0, maxBackoffMs: 0 },
      onUnknown: "stop",
      verify: undefined,
      effect: "read",
    }),
    steps,
    signal: NEVER,
    random: () => 0,
    note: async () => undefined,
  };
  return { of, recorder };
}

const step = (id: string, state: StepRecord["state"], endpoint: string): StepRecord => ({
  activation: "writer#1",
  step: id,
  state,
  idempotencyKey: "k",
  endpoint,
});

test.each<[string, readonly StepRecord[], string]>([
  ["nothing was asked", [], "ns/a"],
  ["a call of the second was under way", [step("m1", "failed", "ns/a"), step("m1.r1", "started", "ns/b")], "ns/b"],
  ["the second had failed, too", [step("m1", "failed", "ns/a"), step("m1.r1", "failed", "ns/b")], "ns/a"],
  ["a call of one that is no more was under way", [step("m1", "started", "ns/gone")], "ns/a"],
  [
    "many tries were made",
    ["", ".r1", ".r2", ".r9", ".r10"].map((r) => step(`m1${r}`, "started", r === ".r10" ? "ns/b" : "ns/a")),
    "ns/b",
  ],
])("where %s, a turn asks the right model", async (_what, steps, expected) => {
  const { of, recorder } = desk([choice("ns/a", {}), choice("ns/b", {})], steps);
  expect(await runAgent(of)).toMatchObject({ outcome: "done" });
  expect(recorder.events.find(({ type }) => type === "turn.decided")?.data).toMatchObject({ endpoint: expected });
});

test.each<[Partial<ModelAnswer>, string, string]>([
  [{ finishReason: "length", outputTokens: 100 }, "MODEL_TRUNCATED", "cut after 100 tokens"],
  [{ finishReason: "refusal", text: "I will not." }, "MODEL_REFUSED", "refused: I will not."],
  [{ finishReason: "other", stopReason: "something_new" }, "MODEL_STOP_UNKNOWN", "stopped for `something_new`"],
  [{ text: " " }, "MODEL_EMPTY", "answered nothing"],
])("%j goes no further", async (answer, code, message) => {
  const { of } = desk([choice("ns/a", answer)]);
  const ended = runAgent(of);
  await expect(ended).rejects.toMatchObject({ name: "PermanentFailure", code });
  await expect(ended).rejects.toThrow(message);
});

test("no call of an answer that was cut is made, whole as it may look", async () => {
  const toolCalls = [{ id: "c", tool: "remove", arguments: {} }];
  const { of, recorder } = desk([choice("ns/a", { finishReason: "length", toolCalls })]);
  await expect(runAgent(of)).rejects.toMatchObject({ code: "MODEL_TRUNCATED" });
  expect(recorder.types()).not.toContain("tool.decided");
});

test("a model that pauses is asked to go on", async () => {
  const { of } = desk([choice("ns/a", { finishReason: "pause", text: "Half" }, { text: "Whole." })]);
  expect(await runAgent(of)).toEqual({ outcome: "done", text: "Whole.", turns: 2, missing: [] });
});
