// The door takes the gate's permits and nothing else, once, and writes down whatever becomes of an effect.
import { describe, expect, it } from "vitest";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { callModel, callTool } from "../../../runner/gate/door.ts";
import { type ModelPermit, ToolPermit } from "../../../runner/gate/permit.ts";
import type { Tool } from "../../../runner/tools/tool.ts";
import { serve } from "../tools/http-server.ts";
import { MemoryRecorder, modelAsk, NEVER, openGate, postingModel, postingTool, toolAsk } from "./desk.ts";

async function permitFor(tool: Tool, recorder: MemoryRecorder, secrets: readonly string[] = []): Promise<ToolPermit> {
  const asked = await openGate({ tools: [tool], recorder, secrets }).requestTool(toolAsk());
  if (asked.outcome !== "permitted") throw new Error(asked.outcome);
  return asked.permit;
}

describe("permits", () => {
  it.each([
    ["nothing", undefined],
    ["an empty object", {}],
    ["an object with the right prototype", Object.create(ToolPermit.prototype)],
    ["a proxy", new Proxy({}, {})],
    ["a copy", JSON.parse(JSON.stringify({ grant: {} }))],
  ])("cannot be forged from %s", async (_, forged) => {
    await expect(callTool(forged as ToolPermit, NEVER)).rejects.toMatchObject({ code: "PERMIT_FORGED" });
    await expect(callModel(forged as ModelPermit, NEVER)).rejects.toMatchObject({ code: "PERMIT_FORGED" });
  });

  it("cannot be copied, nor used for the other door", async () => {
    const server = await serve((response) => void response.end());
    const permit = await permitFor(postingTool(server.url), new MemoryRecorder());
    const copy = Object.assign(Object.create(Object.getPrototypeOf(permit)), structuredClone(permit));
    await expect(callTool(copy, NEVER)).rejects.toMatchObject({ code: "PERMIT_FORGED" });
    await expect(callModel(permit as unknown as ModelPermit, NEVER)).rejects.toMatchObject({ code: "PERMIT_FORGED" });
    expect(server.asked).toEqual([]);
  });

  it("are good for one call, also for two at the same time", async () => {
    const server = await serve((response) => void response.end("x"));
    const permit = await permitFor(postingTool(server.url), new MemoryRecorder());
    const both = await Promise.allSettled([callTool(permit, NEVER), callTool(permit, NEVER)]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await expect(callTool(permit, NEVER)).rejects.toMatchObject({ code: "PERMIT_SPENT" });
    expect(server.asked).toHaveLength(1);
  });
});

describe("a model", () => {
  const permitted = async (recorder: MemoryRecorder, url: string) => {
    const asked = await openGate({ recorder }).requestModel(modelAsk(postingModel(url)));
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    return asked.permit;
  };

  it("is called once with a permit, also where two try at the same time", async () => {
    const server = await serve((response) => void response.end("x"));
    const permit = await permitted(new MemoryRecorder(), server.url);
    const both = await Promise.allSettled([callModel(permit, NEVER), callModel(permit, NEVER)]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await expect(callModel(permit, NEVER)).rejects.toMatchObject({ code: "PERMIT_SPENT" });
    expect(server.asked).toHaveLength(1);
  });

  it("is not called any more by a holder that has lost its lease", async () => {
    const server = await serve((response) => void response.end("x"));
    const recorder = new MemoryRecorder();
    const permit = await permitted(recorder, server.url);
    recorder.lease = new Error("the lease is lost");
    await expect(callModel(permit, NEVER)).rejects.toBe(recorder.lease);
    expect(server.asked).toEqual([]);
  });
});

function failing(error: Error, effect: Tool["effect"]): Tool {
  const call: Tool["call"] = async () => {
    throw error;
  };
  return postingTool("", { effect, call });
}

describe("a tool that gives no result", () => {
  it.each([
    ["reads", "read", new TransientFailure("HOST_UNREACHABLE", "down")],
    ["is idempotent", "idempotent", new TransientFailure("HOST_UNREACHABLE", "down")],
    ["refused a write", "write", new PermanentFailure("HTTP_400", "no")],
    [
      "was never reached by a write",
      "write",
      new TransientFailure("HOST_UNREACHABLE", "down", { details: { effect: "none" } }),
    ],
  ] as const)("and %s is an error for the model to read", async (_, effect, error) => {
    const recorder = new MemoryRecorder();
    const outcome = await callTool(await permitFor(failing(error, effect), recorder), NEVER);
    expect(outcome).toEqual({
      outcome: "answered",
      result: { text: `${error.code}: ${error.message}`, isError: true },
      ...(error instanceof TransientFailure ? { retryable: true } : {}),
    });
    expect(recorder.events.at(-1)).toMatchObject({
      type: "tool.failed",
      data: { code: error.code, effectUnknown: false },
    });
    expect(recorder.steps.get("m1.c1")).toMatchObject({ state: "failed", tool: { isError: true } });
  });

  it.each([
    ["was cut off", new TransientFailure("ANSWER_CUT", "cut")],
    ["broke in an unknown way", new Error("undefined is not a function")],
  ])("after a write that %s leaves the step started: a person must say", async (_, error) => {
    const recorder = new MemoryRecorder();
    const outcome = await callTool(await permitFor(failing(error, "write"), recorder), NEVER);
    expect(outcome).toMatchObject({ outcome: "unknown", step: "m1.c1", tool: "search" });
    expect(recorder.events.at(-1)).toMatchObject({ type: "tool.failed", data: { effectUnknown: true } });
    expect(recorder.steps.get("m1.c1")).toMatchObject({ state: "started" });
  });

  it("in time is given up, although it minds no signal", async () => {
    const recorder = new MemoryRecorder();
    const deaf = postingTool("", { timeoutMs: 1, call: () => new Promise(() => undefined) });
    const outcome = await callTool(await permitFor(deaf, recorder), NEVER);
    expect(outcome).toMatchObject({ outcome: "answered", result: { isError: true } });
    expect(recorder.events.at(-1)).toMatchObject({ type: "tool.failed", data: { code: "TOOL_TIMEOUT" } });
  });

  it("because its signal was aborted throws the reason at once and writes nothing", async () => {
    const recorder = new MemoryRecorder();
    const stop = new AbortController();
    const reason = new Error("the lease is lost");
    const deaf = postingTool("", {
      call: () => {
        stop.abort(reason);
        return new Promise(() => undefined);
      },
    });
    await expect(callTool(await permitFor(deaf, recorder), stop.signal)).rejects.toBe(reason);
    expect(recorder.types()).toEqual(["tool.decided", "tool.called"]);
    expect(recorder.steps.get("m1.c1")).toMatchObject({ state: "started" });
  });
});

it("keeps a result that came in spite of an abort", async () => {
  const recorder = new MemoryRecorder();
  const stop = new AbortController();
  const quick = postingTool("", { call: async () => ({ text: "done", isError: false }) });
  const called = callTool(await permitFor(quick, recorder), stop.signal);
  const outcome = await called;
  stop.abort(new Error("too late"));
  expect(outcome).toMatchObject({ outcome: "answered" });
  expect(recorder.types()).toContain("tool.answered");
});

describe("an answer that cannot be written down as it is", () => {
  it("is mended before anybody sees it: half characters, numbers beyond JSON, tokens that are no number", async () => {
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder });
    const server = await serve((response) => void response.end());
    const half = "\ud83d";
    const toolCalls = [
      { id: half, tool: half, arguments: { [half]: [half] } },
      { id: "b", tool: "search", arguments: { n: Number.POSITIVE_INFINITY } },
    ];
    const strange = postingModel(server.url, { text: half, model: half, toolCalls, inputTokens: Number.NaN });
    const asked = await gate.requestModel(modelAsk(strange));
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    const answer = await gate.callModel(asked.permit, NEVER);
    expect(answer).toMatchObject({
      text: "\ufffd",
      model: "\ufffd",
      toolCalls: [
        { id: "\ufffd", arguments: { "\ufffd": ["\ufffd"] } },
        { arguments: {}, malformed: expect.any(String) },
      ],
    });
    expect(recorder.spent.inputTokens).toBeGreaterThan(100);
    expect(recorder.chain()).toHaveLength(3);
  });
});

describe("secrets", () => {
  const secret = "s3cr3t-canary-value";

  it("of a result reach neither the trace, nor the steps, nor the model", async () => {
    const server = await serve(
      (response) => void response.end(`key=${secret} ${Buffer.from(`user:${secret}`).toString("base64")}`),
    );
    const recorder = new MemoryRecorder();
    const outcome = await callTool(await permitFor(postingTool(server.url), recorder, [secret]), NEVER);
    const everything = JSON.stringify([outcome, recorder.events, [...recorder.steps]]);
    expect(everything).toContain("[secret]");
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(Buffer.from(`user:${secret}`).toString("base64").slice(8, 30));
  });

  it("of arguments reach the tool, and not the trace", async () => {
    const server = await serve((response) => void response.end());
    const recorder = new MemoryRecorder();
    const gate = openGate({ tools: [postingTool(server.url)], recorder, secrets: [secret] });
    const asked = await gate.requestTool(
      toolAsk("search", { arguments: { q: secret, password: "hunter2", text: "x".repeat(9_000) } }),
    );
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    await gate.callTool(asked.permit, NEVER);
    expect(server.asked[0]?.body).toContain(secret);
    const written = JSON.stringify(recorder.events);
    expect(written).not.toContain(secret);
    expect(written).not.toContain("hunter2");
    expect(written.length).toBeLessThan(10_000);
  });

  it("of a model's failure and answer are taken out as well", async () => {
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder, secrets: [secret] });
    const server = await serve((response) => void response.end());
    const calls = [{ id: "c", tool: "search", arguments: { q: secret } }];
    const asked = await gate.requestModel(modelAsk(postingModel(server.url, { text: secret, toolCalls: calls })));
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    const answer = await gate.callModel(asked.permit, NEVER);
    expect(answer).toMatchObject({ text: "[secret]", toolCalls: [{ arguments: { q: "[secret]" } }] });
    expect(JSON.stringify([...recorder.steps])).not.toContain(secret);
  });

  it("in signed thoughts take the thoughts with them: redacted, their signature would be wrong", async () => {
    const server = await serve((response) => void response.end());
    const kept = (thinking: string) => ({ provider: "anthropic", model: "m", items: [{ type: "thinking", thinking }] });
    const answers = await Promise.all(
      ["hm", `it is ${secret}`].map(async (thinking) => {
        const gate = openGate({ recorder: new MemoryRecorder(), secrets: [secret] });
        const asked = await gate.requestModel(modelAsk(postingModel(server.url, { kept: kept(thinking) })));
        if (asked.outcome !== "permitted") throw new Error(asked.outcome);
        return (await gate.callModel(asked.permit, NEVER)).kept;
      }),
    );
    expect(answers).toEqual([kept("hm"), undefined]);
  });
});
