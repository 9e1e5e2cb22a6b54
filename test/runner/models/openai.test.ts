// What servers that imitate OpenAI send: completions by hand, well-formed and not.
import { expect, test } from "vitest";
import { answerJson, serve } from "../tools/http-server.ts";
import { open, request, SEARCH } from "./requests.ts";

async function answer(completion: unknown) {
  const server = await serve((response) => answerJson(response, 200, completion));
  const options = { stream: "false" };
  const model = await open({ provider: "openai-compatible", base_url: server.url, options });
  return model.complete(request("find", { tools: [SEARCH] }), new AbortController().signal);
}

const choose = (message: unknown, finish_reason = "stop") => ({ choices: [{ message, finish_reason }] });

test.each([[{}], [{ choices: [] }], [{ choices: [null] }], [{ choices: [{}] }], [[]], ["text"], [null]])(
  "%j is an answer that cannot be used",
  async (completion) => {
    await expect(answer(completion)).rejects.toMatchObject({
      name: "TransientFailure",
      code: "MODEL_MALFORMED_ANSWER",
    });
  },
);

test("estimates tokens where none are reported: an unreported call is not free", async () => {
  const { inputTokens, outputTokens } = await answer(choose({ content: "Good day." }));
  expect(inputTokens).toBeGreaterThan(10);
  expect(outputTokens).toBeGreaterThan(1);
});

test("believes no token counts that are none", async () => {
  const read = await answer({ ...choose({ content: "x" }), usage: { prompt_tokens: -5, completion_tokens: "many" } });
  expect([read.inputTokens > 0, read.outputTokens > 0]).toEqual([true, true]);
});

test.each([
  ["content_filter", "refusal"],
  ["length", "length"],
  ["something_new", "other"],
  ["__proto__", "other"],
])("ends with %s as %s", async (reason, expected) => {
  expect((await answer(choose({ content: "x" }, reason))).finishReason).toBe(expected);
});

test("an answer that says that it calls tools and calls none cannot be used", async () => {
  await expect(answer(choose({ content: "x" }, "tool_calls"))).rejects.toMatchObject({
    code: "MODEL_MALFORMED_ANSWER",
  });
});

test("keeps the word of an end that it does not know", async () => {
  expect(await answer(choose({ content: "x" }, "something_new"))).toMatchObject({ stopReason: "something_new" });
});

test("tells what of the input came from a cache, and believes no more than all of it", async () => {
  const used = { prompt_tokens: 90, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 64 } };
  expect(await answer({ ...choose({ content: "x" }), usage: used })).toMatchObject({
    inputTokens: 90,
    cacheReadTokens: 64,
  });
  const wrong = { ...used, prompt_tokens_details: { cached_tokens: 640 } };
  expect(await answer({ ...choose({ content: "x" }), usage: wrong })).toMatchObject({ cacheReadTokens: 90 });
});

test("a refusal is text and an end of its own", async () => {
  expect(await answer(choose({ content: null, refusal: "I will not." }))).toMatchObject({
    text: "I will not.",
    finishReason: "refusal",
  });
});

test("reads content in parts, arguments as objects, calls without ids and the wrong reason to end", async () => {
  const read = await answer(
    choose({
      content: [
        { type: "text", text: "Look" },
        { type: "text", text: "ing." },
      ],
      tool_calls: [
        { type: "function", function: { name: "memory_search", arguments: { query: "bells" } } },
        { id: "", type: "function", function: { name: "memory_search", arguments: "" } },
        { id: "z", type: "custom", custom: { name: "x" } },
        "nonsense",
      ],
    }),
  );
  expect(read).toMatchObject({
    text: "Looking.",
    finishReason: "tool_use",
    toolCalls: [
      { id: "call_1", tool: "memory.search", arguments: { query: "bells" } },
      { id: "call_2", tool: "memory.search", arguments: {} },
    ],
  });
});

test("keeps arguments that are no JSON object as malformed", async () => {
  const call = { id: "a", type: "function", function: { name: "memory_search", arguments: '{"query": "be' } };
  expect((await answer(choose({ tool_calls: [call] }))).toolCalls).toEqual([
    { id: "a", tool: "memory.search", arguments: {}, malformed: '{"query": "be' },
  ]);
});

test("does not carry the key to another address", async () => {
  const other = await serve((response) => answerJson(response, 200, choose({ content: "x" })));
  const server = await serve((response) => void response.writeHead(307, { Location: other.url }).end());
  const model = await open({ provider: "openai", base_url: server.url });
  await expect(model.complete(request("find"), new AbortController().signal)).rejects.toMatchObject({
    code: "MODEL_UNAVAILABLE",
  });
  expect(other.asked).toEqual([]);
});
