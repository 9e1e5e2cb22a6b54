// What is sent: thoughts and output schemas in each provider's own form, marks for caches, options by their names there.
import { expect, test } from "vitest";
import type { ModelMessage } from "../../../runner/models/model.ts";
import { answerJson, serve } from "../tools/http-server.ts";
import { open, request, SEARCH } from "./requests.ts";

/** The body that reaches the provider. What it answers does not matter here. */
async function sent(spec: Readonly<Record<string, unknown>>, more: Parameters<typeof request>[1] = {}) {
  const server = await serve((response) => answerJson(response, 400, { error: { message: "no" } }));
  const model = await open({ base_url: server.url, ...spec });
  await model.complete(request("hello", more), new AbortController().signal).catch(() => undefined);
  return JSON.parse(server.asked[0]?.body ?? "null") as Record<string, unknown>;
}

const ANTHROPIC = { provider: "anthropic" };
const CHAT = { provider: "openai" };
const RESPONSES = { provider: "openai", options: { api: "responses" } };
const CLOSED = { type: "object", properties: { n: { type: "integer" } }, required: ["n"], additionalProperties: false };
const OPEN = { type: "object", properties: { n: { type: "integer", minimum: 1 } } };

test.each([
  [
    "anthropic",
    ANTHROPIC,
    { output_config: { format: { type: "json_schema", schema: CLOSED } }, system: "You write." },
  ],
  [
    "chat",
    CHAT,
    { response_format: { type: "json_schema", json_schema: { name: "output", schema: CLOSED, strict: true } } },
  ],
  ["responses", RESPONSES, { text: { format: { type: "json_schema", name: "output", schema: CLOSED, strict: true } } }],
])("a schema that a provider can enforce is enforced by it: %s", async (_name, spec, expected) => {
  expect(await sent(spec, { outputSchema: CLOSED })).toMatchObject(expected);
});

test("any other schema is a hint where the provider takes one, and words where it does not", async () => {
  expect(await sent(CHAT, { outputSchema: OPEN })).toMatchObject({
    response_format: { json_schema: { strict: false } },
  });
  expect(await sent(RESPONSES, { outputSchema: OPEN })).toMatchObject({ text: { format: { strict: false } } });
  const told = [
    await sent(ANTHROPIC, { outputSchema: OPEN }),
    await sent({ provider: "openai-compatible" }, { outputSchema: CLOSED }),
  ];
  for (const body of told) {
    expect(JSON.stringify(body)).toContain("Your final answer must be one JSON value that fits this JSON Schema");
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(["output_config", "response_format"]));
  }
});

test("a schema of something else than an object is told in words, since no provider takes one", async () => {
  for (const spec of [ANTHROPIC, CHAT, RESPONSES]) {
    const body = JSON.stringify(await sent(spec, { outputSchema: { type: "array", items: { type: "string" } } }));
    expect(body).toContain("Your final answer must be one JSON value");
    expect(body).not.toContain("json_schema");
  }
});

test("Anthropic is asked to cache where tools are offered, unless it is told not to", async () => {
  expect(await sent(ANTHROPIC, { tools: [SEARCH] })).toMatchObject({ cache_control: { type: "ephemeral" } });
  expect(await sent(ANTHROPIC)).not.toHaveProperty("cache_control");
  const off = { ...ANTHROPIC, options: { prompt_cache: "off" } };
  expect(await sent(off, { tools: [SEARCH] })).not.toHaveProperty("cache_control");
});

test("options reach each API by the names that it has for them", async () => {
  const options = { stop: "END", reasoning_effort: "low", temperature: "0", parallel_tool_calls: "false" };
  expect(await sent({ ...ANTHROPIC, options })).toMatchObject({
    stop_sequences: ["END"],
    output_config: { effort: "low" },
    temperature: 0,
  });
  expect(await sent({ ...CHAT, options }, { tools: [SEARCH] })).toMatchObject({
    stop: "END",
    reasoning_effort: "low",
    parallel_tool_calls: false,
  });
  const responses = await sent({ ...CHAT, options: { ...options, api: "responses", verbosity: "low" } });
  expect(responses).toMatchObject({
    reasoning: { effort: "low" },
    include: ["reasoning.encrypted_content"],
    text: { verbosity: "low" },
    store: false,
  });
  expect(responses).not.toHaveProperty("parallel_tool_calls");
});

function thoughtful(provider: string, model: string, item: object): readonly ModelMessage[] {
  const toolCalls = [{ id: "a", tool: "memory.search", arguments: {} }];
  return [
    { role: "user", text: "find" },
    { role: "assistant", text: "", toolCalls, kept: { provider, model, items: [item] } },
    { role: "tool", callId: "a", tool: "memory.search", text: "3 bells", isError: false },
  ];
}

test("thoughts go back to the model that had them, and to no other", async () => {
  const signed = { type: "thinking", thinking: "hm", signature: "sig" };
  const encrypted = { type: "reasoning", id: "r", encrypted_content: "gAAA", summary: [] };
  const own = await sent(ANTHROPIC, { messages: thoughtful("anthropic", "m", signed) });
  expect(own["messages"]).toMatchObject([{}, { content: [signed, { type: "tool_use" }] }, {}]);
  expect(await sent(RESPONSES, { messages: thoughtful("openai-responses", "m", encrypted) })).toMatchObject({
    input: [{}, encrypted, { type: "function_call", call_id: "a" }, { type: "function_call_output", call_id: "a" }],
  });
  for (const spec of [ANTHROPIC, CHAT, RESPONSES]) {
    const others = [thoughtful("anthropic", "older", signed), thoughtful("openai-responses", "older", encrypted)];
    for (const messages of others)
      expect(JSON.stringify(await sent(spec, { messages }))).not.toMatch(/signature|encrypted/);
  }
});

test("keeps the signed thoughts of a turn that calls tools", async () => {
  const block = (index: number, content_block: object, ...deltas: object[]) => [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
  ];
  const events = [
    { type: "message_start", message: { model: "m-2026" } },
    ...block(
      0,
      { type: "thinking", thinking: "" },
      { type: "thinking_delta", thinking: "hm" },
      { type: "signature_delta", signature: "sig" },
    ),
    ...block(1, { type: "redacted_thinking", data: "xyz" }),
    ...block(2, { type: "tool_use", id: "a", name: "memory_search", input: {} }),
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" },
  ];
  const server = await serve((response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
  });
  const model = await open({ ...ANTHROPIC, base_url: server.url });
  const { kept } = await model.complete(request("find", { tools: [SEARCH] }), new AbortController().signal);
  expect(kept).toEqual({
    provider: "anthropic",
    model: "m",
    items: [
      { type: "thinking", thinking: "hm", signature: "sig" },
      { type: "redacted_thinking", data: "xyz" },
    ],
  });
});
