// What only a Messages API stream can do: its events by hand, well-formed and not.
import { expect, test } from "vitest";
import { toAnthropicMessages } from "../../../runner/models/anthropic/messages.ts";
import { mapToolNames } from "../../../runner/models/tool-names.ts";
import { serve } from "../tools/http-server.ts";
import { open, request, SEARCH } from "./requests.ts";

type Event = { readonly type: string; readonly [field: string]: unknown };

const START: Event = {
  type: "message_start",
  message: {
    model: "m-2026",
    usage: { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 1 },
  },
};
const STOP: Event = { type: "message_stop" };

function block(index: number, content: unknown, delta?: unknown): Event[] {
  return [
    { type: "content_block_start", index, content_block: content },
    ...(delta === undefined ? [] : [{ type: "content_block_delta", index, delta }]),
    { type: "content_block_stop", index },
  ];
}

const text = (index: number, said: string): Event[] =>
  block(index, { type: "text", text: "" }, { type: "text_delta", text: said });
const toolUse = (index: number, id: string, written: string): Event[] =>
  block(
    index,
    { type: "tool_use", id, name: "memory_search", input: {} },
    { type: "input_json_delta", partial_json: written },
  );
const end = (reason: string): Event => ({
  type: "message_delta",
  delta: { stop_reason: reason },
  usage: { output_tokens: 9 },
});

async function answer(events: readonly Event[]) {
  const server = await serve((response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
  });
  const model = await open({ provider: "anthropic", base_url: `${server.url}/v1/` });
  return model.complete(request("find", { tools: [SEARCH] }), new AbortController().signal);
}

test("counts what a cache gave and took as input", async () => {
  expect(await answer([START, ...text(0, "Good day."), end("end_turn"), STOP])).toEqual({
    text: "Good day.",
    toolCalls: [],
    inputTokens: 123,
    outputTokens: 9,
    cacheReadTokens: 100,
    cacheWriteTokens: 20,
    finishReason: "stop",
    provider: "anthropic",
    model: "m-2026",
  });
});

test.each([
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "refusal"],
  ["pause_turn", "pause"],
  ["something_new", "other"],
  ["constructor", "other"],
])("ends with %s as %s", async (reason, expected) => {
  expect((await answer([START, ...text(0, "x"), end(reason), STOP])).finishReason).toBe(expected);
});

test("leaves out what was only thought", async () => {
  const thought = block(
    0,
    { type: "thinking", thinking: "", signature: "" },
    { type: "thinking_delta", thinking: "hm" },
  );
  expect((await answer([START, ...thought, ...text(1, "So."), end("end_turn"), STOP])).text).toBe("So.");
});

test("keeps arguments that are no JSON object as malformed", async () => {
  const events = [START, ...toolUse(0, "a", '{"query": "be'), ...toolUse(1, "b", "[1]"), end("tool_use"), STOP];
  expect((await answer(events)).toolCalls).toEqual([
    { id: "a", tool: "memory.search", arguments: {}, malformed: '{"query": "be' },
    { id: "b", tool: "memory.search", arguments: {}, malformed: "[1]" },
  ]);
});

test("acts on nothing of a stream that is cut, whole as its calls may look", async () => {
  await expect(answer([START, ...toolUse(0, "a", "{}"), end("tool_use")])).rejects.toMatchObject({
    name: "TransientFailure",
    code: "MODEL_MALFORMED_ANSWER",
    message: "ModelEndpoint default/main sent an answer that cannot be used: the stream was cut before its end",
  });
});

test("takes a stream that never says why it ended for one that was cut", async () => {
  await expect(answer([START, ...text(0, "x"), STOP])).rejects.toMatchObject({ code: "MODEL_MALFORMED_ANSWER" });
});

test("bears events that have lost their parts", async () => {
  const bare = ["message_start", "content_block_start", "content_block_delta", "message_delta", "ping", "unheard_of"];
  const events = [...bare.map((type) => ({ type })), ...text(0, "Good day."), end("end_turn"), STOP];
  expect(await answer(events)).toMatchObject({ text: "Good day.", finishReason: "stop", model: "m" });
});

test.each([
  ["overloaded_error", "MODEL_UNAVAILABLE"],
  ["rate_limit_error", "MODEL_RATE_LIMITED"],
])("an error of type %s in the middle of a stream is %s", async (type, code) => {
  const error = { type: "error", error: { type, message: "later" } };
  await expect(answer([START, ...text(0, "Go"), error])).rejects.toMatchObject({ name: "TransientFailure", code });
});

function call(id: string) {
  return { id, tool: "memory.search", arguments: { query: id } };
}

function result(callId: string, said: string) {
  return { role: "tool" as const, callId, tool: "memory.search", text: said, isError: said === "" };
}

test("joins all results of one turn in one user message, before any text, and leaves no block empty", () => {
  const names = mapToolNames(["memory.search"]);
  const { messages } = request("", {
    messages: [
      { role: "user", text: "" },
      { role: "assistant", text: "", toolCalls: [call("a"), call("b")] },
      result("a", "3 bells"),
      result("b", ""),
      { role: "user", text: "Go on." },
    ],
  });
  const sent = toAnthropicMessages({ model: "m", messages }, names);
  expect(sent).toEqual([
    { role: "user", content: [{ type: "text", text: "(nothing)" }] },
    {
      role: "assistant",
      content: ["a", "b"].map((id) => ({ type: "tool_use", id, name: "memory_search", input: { query: id } })),
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "a", content: "3 bells", is_error: false },
        { type: "tool_result", tool_use_id: "b", content: "(nothing)", is_error: true },
        { type: "text", text: "Go on." },
      ],
    },
  ]);
});
