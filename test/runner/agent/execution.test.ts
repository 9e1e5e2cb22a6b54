// How an agent's work is checked: contracts, repeated calls, tools whose answer is the output.
import { expect, test } from "vitest";
import type { AgentSpec } from "../../../contracts/kinds/agent.ts";
import type { ModelAnswer, ToolCall, ToolEffect } from "../../../contracts/step.ts";
import type { TraceDraft } from "../../../contracts/trace.ts";
import type { AgentDesk } from "../../../runner/agent/desk.ts";
import { readExecution } from "../../../runner/agent/execution.ts";
import { runAgent } from "../../../runner/agent/loop.ts";
import type { ModelMessage } from "../../../runner/models/model.ts";
import type { Tool } from "../../../runner/tools/tool.ts";
import { MemoryRecorder, NEVER, openGate } from "../gate/desk.ts";

type Execution = NonNullable<AgentSpec["execution"]>;
type Turn = string | readonly (readonly [tool: string, args?: Readonly<Record<string, unknown>>])[];

interface Played {
  readonly text: string | undefined;
  readonly code: string | undefined;
  readonly missing: readonly string[];
  readonly called: readonly string[];
  readonly read: readonly ModelMessage[];
  readonly noted: readonly (readonly [string, unknown])[];
}

/** Plays the model's turns; tools answer `<name> <n>`, counted over all calls. */
async function play(
  execution: Execution | undefined,
  turns: readonly Turn[],
  effects: Readonly<Record<string, ToolEffect>> = {},
): Promise<Played> {
  const called: string[] = [];
  const read: ModelMessage[] = [];
  const noted: (readonly [string, unknown])[] = [];
  const recorder = new MemoryRecorder();
  const names = ["look", "save", "broken"];
  const tools = names.map((name): Tool => fakeTool(name, effects[name] ?? "read", called));
  const desk: AgentDesk = {
    agent: "writer",
    system: "",
    input: {},
    messages: [],
    tools: [],
    maxSteps: 6,
    models: [scripted(turns, read)],
    modelRetry: { maxAttempts: 1, backoffMs: 0, maxBackoffMs: 0 },
    gate: openGate({ recorder, tools, listed: names }),
    output: undefined,
    execution: readExecution(execution),
    redact: (text) => text,
    toolRules: (tool) => ({
      retry: { maxAttempts: 1, backoffMs: 0, maxBackoffMs: 0 },
      onUnknown: "stop",
      verify: undefined,
      effect: effects[tool] ?? "read",
    }),
    steps: [],
    signal: NEVER,
    random: () => 0,
    note: async (type: TraceDraft["type"], data) => void noted.push([type, data["code"]]),
  };
  const recorded = (): Played["noted"] => [
    ...noted,
    ...recorder.events
      .filter(({ data }) => data?.["repeats"] !== undefined)
      .map(({ type, data }) => [type, data?.["repeats"]] as const),
  ];
  const nothing = { text: undefined, code: undefined, missing: [] };
  try {
    const end = await runAgent(desk);
    return { ...nothing, ...(end.outcome === "done" ? end : { code: end.outcome }), called, read, noted: recorded() };
  } catch (error) {
    return { ...nothing, code: (error as { code?: string }).code, called, read, noted: recorded() };
  }
}

function fakeTool(name: string, effect: ToolEffect, called: string[]): Tool {
  return {
    definition: { name, description: "", inputSchema: { type: "object" } },
    definitionDigest: "sha256:d",
    effect,
    capabilities: [],
    operationClasses: ["read"],
    timeoutMs: 1_000,
    call: async () => {
      called.push(name);
      return { text: `${name} ${called.length}`, isError: name === "broken" };
    },
  };
}

function scripted(turns: readonly Turn[], read: ModelMessage[]): AgentDesk["models"][number] {
  let at = 0;
  const complete = async ({ messages }: { readonly messages: readonly ModelMessage[] }): Promise<ModelAnswer> => {
    read.splice(0, read.length, ...messages);
    const turn = turns[at] ?? "end";
    at += 1;
    const toolCalls =
      typeof turn === "string"
        ? []
        : turn.map(([tool, args = {}], n): ToolCall => ({ id: `c${at}${n}`, tool, arguments: args }));
    const text = typeof turn === "string" ? turn : "";
    return { text, toolCalls, inputTokens: 1, outputTokens: 1, finishReason: "stop", provider: "mock", model: "m" };
  };
  const enter = async () => ({ state: "may-call", leave: async () => undefined }) as const;
  return {
    endpoint: "e",
    open: async () => ({ model: { provider: "mock", complete }, name: "m", maxOutputTokens: 9, price: null, enter }),
  };
}

const CONTRACT: Execution = {
  profile: "contract",
  tool_sequence: ["look", "save"],
  required_output_markers: ["DONE"],
};

test("a contract is kept by its tools in any order and its markers in the output", async () => {
  expect(await play(CONTRACT, [[["save"]], [["look"]], "all DONE"])).toMatchObject({ text: "all DONE", missing: [] });
});

test("an agent that is done too early is told what is missing, twice, and then its contract is broken", async () => {
  const mended = await play(CONTRACT, ["done", [["look"], ["save"]], "DONE"]);
  expect(mended.text).toBe("DONE");
  expect(mended.noted).toEqual([["retry.scheduled", "OUTPUT_INVALID"]]);
  const broken = await play(CONTRACT, ["DONE", "DONE", "DONE"]);
  expect(broken.code).toBe("CONTRACT_VIOLATED");
  expect(JSON.stringify(broken.read)).toContain("the tool `look` has not answered; the tool `save` has not answered");
});

test("a tool that answered with an error has not kept the contract", async () => {
  const contract: Execution = { profile: "contract", tool_sequence: ["broken"] };
  expect((await play(contract, [[["broken"]], "x", "x", "x"])).code).toBe("CONTRACT_VIOLATED");
});

test("`observe` records what is missing and lets the agent be done; the profile `dynamic` asks for nothing", async () => {
  const observed = await play({ ...CONTRACT, on_contract_violation: "observe" }, ["hm"]);
  expect(observed).toMatchObject({ text: "hm", code: undefined });
  expect(observed.missing).toHaveLength(3);
  expect(await play({ ...CONTRACT, profile: "dynamic" }, ["hm"])).toMatchObject({ text: "hm", missing: [] });
});

test("a repeated call is answered with the earlier result, and not made again", async () => {
  const played = await play(undefined, [
    [["look", { q: 1 }]],
    [
      ["look", { q: 1 }],
      ["look", { q: 2 }],
    ],
    "end",
  ]);
  expect(played.called).toEqual(["look", "look"]);
  expect(played.read.filter(({ role }) => role === "tool").map(({ text }) => text)).toEqual([
    "look 1",
    "look 1\n[the answer of m1.c1: the same call was made before, and was not made again]",
    "look 2",
  ]);
  expect(played.noted).toEqual([["tool.answered", "m1.c1"]]);
});

test("what was read before a write is read again; a write is never made twice", async () => {
  const turns: Turn[] = [[["look"], ["save"]], [["look"], ["save"]], "end"];
  expect((await play(undefined, turns, { save: "write" })).called).toEqual(["look", "save", "look"]);
});

test("a call that failed may be made again", async () => {
  expect((await play(undefined, [[["broken"]], [["broken"]], "end"])).called).toEqual(["broken", "broken"]);
});

test("`deny` tells the model that the call was made before; `allow` makes it again", async () => {
  const turns: Turn[] = [[["look"]], [["look"]], "end"];
  const denied = await play({ duplicate_tool_call_policy: "deny" }, turns);
  expect(denied.called).toEqual(["look"]);
  expect(denied.noted).toEqual([["tool.failed", "m1.c1"]]);
  expect(denied.read.at(-1)).toMatchObject({ role: "tool", isError: true });
  expect((await play({ duplicate_tool_call_policy: "allow" }, turns)).called).toEqual(["look", "look"]);
});

test("`stop_on_first_tool` makes the first answer the output; under a contract the one that completes it", async () => {
  const stop: Execution = { tool_use_behavior: "stop_on_first_tool" };
  expect(await play(stop, [[["broken"], ["look"], ["save"]]])).toMatchObject({
    text: "look 2",
    called: ["broken", "look"],
  });
  const both: Execution = { ...stop, profile: "contract", tool_sequence: ["look", "save"] };
  expect(await play(both, [[["look"]], [["save"]]])).toMatchObject({ text: "save 2", missing: [] });
  const marked = { ...both, required_output_markers: ["DONE"] };
  expect((await play(marked, [[["look"], ["save"]]])).code).toBe("CONTRACT_VIOLATED");
});
