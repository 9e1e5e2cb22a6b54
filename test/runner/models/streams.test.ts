// Streams of OpenAI's two APIs and of servers that imitate them, event by event: whole, odd, cut, broken, aborted.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { serve } from "../tools/http-server.ts";
import { open, request, SEARCH } from "./requests.ts";

const never = () => new AbortController().signal;

function write(response: ServerResponse, events: readonly unknown[]): void {
  if (!response.headersSent) response.writeHead(200, { "Content-Type": "text/event-stream" });
  for (const event of events) response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`);
}

async function answer(api: "chat" | "responses", events: readonly unknown[], options = {}) {
  const server = await serve((response) => {
    write(response, events);
    response.end();
  });
  const model = await open({ provider: "openai", base_url: server.url, options: { api, ...options } });
  return model.complete(request("find", { tools: [SEARCH] }), never());
}

const CUT = {
  name: "TransientFailure",
  code: "MODEL_MALFORMED_ANSWER",
  message: "ModelEndpoint default/main sent an answer that cannot be used: the stream was cut before its end",
};

describe("a streamed chat completion", () => {
  const delta = (part: unknown, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta: part, finish_reason }],
  });
  const call = (index: number | undefined, id: string | undefined, name: string | undefined, written: string) => ({
    tool_calls: [{ ...(index === undefined ? {} : { index }), id, function: { name, arguments: written } }],
  });
  const usage = { prompt_tokens: 30, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 20 } };

  test("is put together: text, parallel calls by their place, tokens", async () => {
    const read = await answer("chat", [
      { model: "m-2026", ...delta({ role: "assistant", content: "Look" }) },
      delta({ content: "ing." }),
      delta(call(0, "a", "memory_search", "")),
      delta(call(1, "b", "memory_search", '{"query":')),
      delta(call(0, undefined, undefined, '{"query":"bells"}')),
      delta(call(1, undefined, undefined, '"clocks"}')),
      delta({}, "tool_calls"),
      { choices: [], usage },
      "[DONE]",
    ]);
    expect(read).toEqual({
      text: "Looking.",
      toolCalls: [
        { id: "a", tool: "memory.search", arguments: { query: "bells" } },
        { id: "b", tool: "memory.search", arguments: { query: "clocks" } },
      ],
      inputTokens: 30,
      outputTokens: 4,
      cacheReadTokens: 20,
      finishReason: "tool_use",
      provider: "openai",
      model: "m-2026",
    });
  });

  test.each([
    ["give all calls one place", 0],
    ["give no places", undefined],
  ])("is read from servers that %s", async (_what, index) => {
    const calls = ["a", "b"].map((id) => delta(call(index, id, "memory_search", `{"query":"${id}"}`)));
    const read = await answer("chat", [...calls, delta({}, "stop"), "[DONE]"]);
    expect(read).toMatchObject({ finishReason: "tool_use", toolCalls: [{ id: "a" }, { id: "b" }] });
  });

  const inOnePiece = async (text: string) => {
    const server = await serve((response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream", "Content-Length": Buffer.byteLength(text) });
      response.end(text);
    });
    const model = await open({ provider: "openai", base_url: server.url });
    return model.complete(request("find"), never());
  };

  test("may come in one piece, with its length", async () => {
    const parts = [delta({ content: "Good " }), delta({ content: "day." }), delta({}, "stop")];
    const text = [...parts.map((part) => JSON.stringify(part)), "[DONE]"].map((part) => `data: ${part}\n\n`).join("");
    expect(await inOnePiece(text)).toMatchObject({ text: "Good day.", finishReason: "stop" });
  });

  test.each(["no stream", ""])("is none where a whole answer says `%s`", async (text) => {
    await expect(inOnePiece(text)).rejects.toMatchObject(CUT);
  });

  test("may come whole in one event", async () => {
    const whole = { choices: [{ message: { content: "Good day." }, finish_reason: "stop" }] };
    expect(await answer("chat", [whole, "[DONE]"])).toMatchObject({ text: "Good day." });
  });

  test.each([
    ["in a text", [delta({ content: "Go" })]],
    ["after a call that looks whole", [delta(call(0, "a", "memory_search", "{}"))]],
    ["at once", []],
  ])("that is cut %s is acted on by nobody", async (_where, events) => {
    await expect(answer("chat", events)).rejects.toMatchObject(CUT);
  });

  test.each([
    ["an error", { error: { message: "later", type: "server_error" } }, "MODEL_UNAVAILABLE"],
    ["a limit", { error: { message: "later", code: "rate_limit_exceeded" } }, "MODEL_RATE_LIMITED"],
    ["no JSON", "{oops", "MODEL_MALFORMED_ANSWER"],
  ])("with %s in the middle may pass another time", async (_what, event, code) => {
    await expect(answer("chat", [delta({ content: "Go" }), event])).rejects.toMatchObject({
      name: "TransientFailure",
      code,
    });
  });
});

describe("a streamed response", () => {
  const message = { type: "message", content: [{ type: "output_text", text: "Looking." }] };
  const call = (id: string, written: string) => ({
    type: "function_call",
    call_id: id,
    name: "memory_search",
    arguments: written,
  });
  const thought = { type: "reasoning", id: "r", encrypted_content: "gAAA", summary: [] };
  const usage = { input_tokens: 30, output_tokens: 4, input_tokens_details: { cached_tokens: 20 } };
  const end = (status: string, more: object) => ({
    type: `response.${status}`,
    response: { status, model: "m-2026", usage, ...more },
  });

  test("is its last event: text, calls, thoughts to be given back, tokens", async () => {
    const output = [thought, message, call("a", '{"query":"bells"}'), call("b", "[1]")];
    expect(await answer("responses", [{ type: "response.created" }, end("completed", { output })])).toEqual({
      text: "Looking.",
      toolCalls: [
        { id: "a", tool: "memory.search", arguments: { query: "bells" } },
        { id: "b", tool: "memory.search", arguments: {}, malformed: "[1]" },
      ],
      inputTokens: 30,
      outputTokens: 4,
      cacheReadTokens: 20,
      finishReason: "tool_use",
      provider: "openai",
      model: "m-2026",
      kept: { provider: "openai-responses", model: "m", items: [thought] },
    });
  });

  test("is read from its items where the last event is bare", async () => {
    const events = [{ type: "response.output_item.done", item: message }, end("completed", {})];
    expect(await answer("responses", events)).toMatchObject({ text: "Looking.", finishReason: "stop" });
  });

  test.each([
    ["max_output_tokens", "length"],
    ["content_filter", "refusal"],
    ["something_new", "other"],
  ])("that is incomplete for %s ends as %s", async (reason, finishReason) => {
    const events = [end("incomplete", { output: [message], incomplete_details: { reason } })];
    expect(await answer("responses", events)).toMatchObject({ finishReason });
  });

  test("may refuse", async () => {
    const refusal = { type: "message", content: [{ type: "refusal", refusal: "I will not." }] };
    expect(await answer("responses", [end("completed", { output: [refusal] })])).toMatchObject({
      text: "I will not.",
      finishReason: "refusal",
    });
  });

  test.each([
    ["rate_limit_exceeded", "TransientFailure", "MODEL_RATE_LIMITED"],
    ["server_error", "TransientFailure", "MODEL_UNAVAILABLE"],
    ["invalid_prompt", "PermanentFailure", "MODEL_BAD_REQUEST"],
    ["something_new", "TransientFailure", "MODEL_UNAVAILABLE"],
  ])("that failed with %s is a %s", async (code, name, expected) => {
    const events = [end("failed", { error: { code, message: "no" } })];
    await expect(answer("responses", events)).rejects.toMatchObject({ name, code: expected });
  });

  test("that is cut is acted on by nobody, though its items were whole", async () => {
    const events = [{ type: "response.output_item.done", item: call("a", "{}") }];
    await expect(answer("responses", events)).rejects.toMatchObject(CUT);
  });
});

describe.each([
  ["anthropic", "messages", { type: "message_start", message: { model: "m" } }],
  ["openai", "chat", { choices: [{ delta: { content: "Go" } }] }],
  ["openai", "responses", { type: "response.created", response: {} }],
] as const)("a stream of %s, %s, under way", (provider, api, first) => {
  const options = provider === "openai" ? { api } : {};
  const SLOW = new Error("it went on");

  async function begin(timeout: string) {
    let closed: Promise<unknown> = Promise.reject(SLOW);
    closed.catch(() => undefined);
    const begun = new AbortController();
    const server = await serve((response) => {
      closed = once(response, "close");
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(`event: ${"type" in first ? first.type : "message"}\ndata: ${JSON.stringify(first)}\n\n`);
      begun.abort();
    });
    const model = await open({ provider, base_url: server.url, timeout, options });
    return { model, begun: once(begun.signal, "abort"), closed: () => closed };
  }

  test("ends at once when it is aborted, at the server, too", async () => {
    const { model, begun, closed } = await begin("1m");
    const abort = new AbortController();
    const asking = model.complete(request("hello"), abort.signal);
    asking.catch(() => undefined);
    await begun;
    const reason = new Error("cancelled");
    abort.abort(reason);
    await expect(asking).rejects.toBe(reason);
    await closed();
  });

  test("ends at the time-out of its endpoint", async () => {
    const { model, closed } = await begin("100ms");
    await expect(model.complete(request("hello"), never())).rejects.toMatchObject({ code: "MODEL_TIMEOUT" });
    await closed();
  });
});
