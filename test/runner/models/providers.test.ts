// Both SDKs against a model server: the same answers and the same failures come out of either.
import { type FixtureOpts, LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answerJson, serve } from "../tools/http-server.ts";
import { closedPort, open, request, SEARCH } from "./requests.ts";

const server = new LLMock({ port: 0, auth: { apiKeys: ["sk-canary"] } });

beforeAll(() => server.start());
afterAll(() => server.stop());
afterEach(() => {
  server.clearFixtures();
  server.clearRequests();
});

const never = () => new AbortController().signal;

describe.each([
  ["anthropic", "messages"],
  ["openai", "chat"],
  ["openai", "responses"],
])("%s, %s", (provider, api) => {
  const own = provider === "openai" ? { api } : {};
  const model = (more: Readonly<Record<string, unknown>> = {}, key?: string) => {
    const options = { ...own, ...(more["options"] as object | undefined) };
    return open({ provider, base_url: server.url, ...more, options }, key);
  };
  const usage = { input_tokens: 11, output_tokens: 7, prompt_tokens: 11, completion_tokens: 7 };

  test("answers with text, tokens and the reason of its end", async () => {
    server.onMessage("hello", { content: "Good day.", usage, model: "m-2026" });
    expect(await (await model()).complete(request("hello"), never())).toEqual({
      text: "Good day.",
      toolCalls: [],
      inputTokens: 11,
      outputTokens: 7,
      finishReason: "stop",
      provider,
      model: "m-2026",
    });
  });

  test("asks for several tools at once, by the names of the manifests", async () => {
    server.onMessage("find", {
      content: "Looking.",
      toolCalls: [
        { id: "a", name: "memory_search", arguments: '{"query":"bells"}' },
        { id: "b", name: "memory_search", arguments: '{"query":"clocks"}' },
        { id: "c", name: "unheard_of", arguments: "{}" },
      ],
    });
    const answer = await (await model()).complete(request("find", { tools: [SEARCH] }), never());
    expect(answer).toMatchObject({
      text: "Looking.",
      finishReason: "tool_use",
      toolCalls: [
        { id: "a", tool: "memory.search", arguments: { query: "bells" } },
        { id: "b", tool: "memory.search", arguments: { query: "clocks" } },
        { id: "c", tool: "unheard_of", arguments: {} },
      ],
    });
  });

  test("gives all results of one turn back, each to its call", async () => {
    server.onMessage("find", { content: "Both found." });
    const answer = await (await model()).complete(
      request("find", {
        tools: [SEARCH],
        messages: [
          { role: "user", text: "find" },
          {
            role: "assistant",
            text: "",
            toolCalls: [
              { id: "a", tool: "memory.search", arguments: { query: "bells" } },
              { id: "b", tool: "memory.search", arguments: { query: "clocks" } },
            ],
          },
          { role: "tool", callId: "a", tool: "memory.search", text: "3 bells", isError: false },
          { role: "tool", callId: "b", tool: "memory.search", text: "", isError: true },
        ],
      }),
      never(),
    );
    expect(answer.text).toBe("Both found.");
    expect(JSON.stringify(server.getLastRequest()?.body)).toContain("3 bells");
  });

  test("refuses an answer with two calls of one id", async () => {
    const twice = { id: "a", name: "memory_search", arguments: "{}" };
    server.onMessage("find", { toolCalls: [twice, twice] });
    await expect((await model()).complete(request("find"), never())).rejects.toMatchObject({
      name: "TransientFailure",
      code: "MODEL_MALFORMED_ANSWER",
    });
  });

  test.each([
    ["length", "length"],
    ["stop", "stop"],
  ])("ends with %s as %s", async (finishReason, expected) => {
    server.onMessage("hello", { content: "Good", finishReason });
    expect((await (await model()).complete(request("hello"), never())).finishReason).toBe(expected);
  });

  test("takes an empty answer for what it is", async () => {
    server.onMessage("hello", { content: "" });
    expect(await (await model()).complete(request("hello"), never())).toMatchObject({ text: "", toolCalls: [] });
  });

  test("tells a wrong key by endpoint and secret, and shows neither key nor answer", async () => {
    const asking = (await model({}, "sk-wrong-canary")).complete(request("hello"), never());
    await expect(asking).rejects.toMatchObject({
      name: "PermanentFailure",
      code: "MODEL_AUTH",
      message: expect.stringMatching(
        /^ModelEndpoint default\/main: its key was refused \(401\); check .*`auth.secret_ref: keys:model`/,
      ),
    });
    await expect(asking).rejects.not.toThrow("canary");
  });

  test("says that a key is missing before it asks anybody", async () => {
    await expect(model({}, "")).rejects.toMatchObject({ name: "PermanentFailure", code: "MODEL_AUTH" });
    expect(server.getRequests()).toEqual([]);
  });

  test.each([
    [400, { name: "PermanentFailure", code: "MODEL_BAD_REQUEST" }],
    [403, { name: "PermanentFailure", code: "MODEL_AUTH" }],
    [404, { name: "PermanentFailure", code: "MODEL_NOT_FOUND", message: expect.stringContaining("`m`") }],
    [429, { name: "TransientFailure", code: "MODEL_RATE_LIMITED", retryAfterMs: 7_000 }],
    [500, { name: "TransientFailure", code: "MODEL_UNAVAILABLE" }],
    [529, { name: "TransientFailure", code: "MODEL_UNAVAILABLE" }],
  ])("answers %i with %o, asked once", async (status, failure) => {
    server.onMessage("hello", { error: { message: "no" }, status, retryAfter: 7 });
    await expect((await model()).complete(request("hello"), never())).rejects.toMatchObject(failure);
    expect(server.getRequests()).toHaveLength(1);
  });

  test.each<[string, FixtureOpts, string]>([
    ["no JSON", { chaos: { malformedRate: 1 } }, "MODEL_MALFORMED_ANSWER"],
    ["a broken connection", { chaos: { disconnectRate: 1 } }, "MODEL_UNAVAILABLE"],
  ])("an answer that is %s may pass", async (_what, opts, code) => {
    server.onMessage("hello", { content: "Good day." }, opts);
    await expect((await model()).complete(request("hello"), never())).rejects.toMatchObject({
      name: "TransientFailure",
      code,
    });
  });

  test("fails at the time-out of its endpoint", async () => {
    server.onMessage("hello", { content: "Good day." }, { chaos: { latencyMs: 5_000 } });
    await expect((await model({ timeout: "50ms" })).complete(request("hello"), never())).rejects.toMatchObject({
      name: "TransientFailure",
      code: "MODEL_TIMEOUT",
    });
  });

  test("an abort throws its reason", async () => {
    server.onMessage("hello", { content: "Good day." }, { chaos: { latencyMs: 5_000 } });
    const abort = new AbortController();
    const asking = (await model()).complete(request("hello"), abort.signal);
    asking.catch(() => undefined);
    const reason = new Error("lease lost");
    abort.abort(reason);
    await expect(asking).rejects.toBe(reason);
  });

  test("nobody there may pass", async () => {
    const asking = (await model({ base_url: `http://127.0.0.1:${await closedPort()}` })).complete(
      request("hello"),
      never(),
    );
    await expect(asking).rejects.toMatchObject({
      name: "TransientFailure",
      code: "MODEL_UNAVAILABLE",
      message: "ModelEndpoint default/main cannot be reached: ECONNREFUSED",
      details: { effect: "none" },
    });
  });

  test("gives options as numbers, and never asks for more output than was reserved", async () => {
    server.onMessage("hello", { content: "Good day." });
    const options = { temperature: "0.25", max_tokens: "5000", unheard_of: "x" };
    await (await model({ options })).complete(request("hello"), never());
    const body = server.getLastRequest()?.body;
    expect(body).toMatchObject({ temperature: 0.25 });
    expect(JSON.stringify(body)).toContain("1000");
    expect(JSON.stringify(body)).not.toMatch(/5000|unheard_of/);
  });

  test("names an option that is no number", async () => {
    await expect(model({ options: { temperature: "warm" } })).rejects.toMatchObject({
      name: "PermanentFailure",
      code: "MODEL_OPTION_INVALID",
      message: "ModelEndpoint default/main: `options.temperature: warm` is not a number",
    });
  });
});

test("an Anthropic stream that is cut after a tool call gives no tool call", async () => {
  server.onMessage(
    "find",
    {
      content: "Looking for it in all the places that there are.",
      toolCalls: [{ id: "a", name: "x", arguments: "{}" }],
    },
    { truncateAfterChunks: 9 },
  );
  const model = await open({ provider: "anthropic", base_url: server.url });
  await expect(model.complete(request("find"), never())).rejects.toMatchObject({ name: "TransientFailure" });
});

test.each(["openai-compatible", "ollama"])("%s needs no key", async (provider) => {
  const free = await LLMock.create({ port: 0 });
  free.onMessage("hello", { content: "Good day." });
  try {
    const model = await open({ provider, base_url: free.url }, "");
    expect((await model.complete(request("hello"), never())).text).toBe("Good day.");
    expect(free.getLastRequest()?.headers).not.toHaveProperty("authorization");
  } finally {
    await free.stop();
  }
});

test("Azure's models are deployments", async () => {
  server.onMessage("hello", { content: "Good day." });
  const model = await open({ provider: "azure-openai", base_url: server.url });
  expect((await model.complete(request("hello"), never())).text).toBe("Good day.");
  expect(server.getLastRequest()?.path).toContain("/openai/deployments/m/chat/completions");
});

test("Azure's responses have a path and a version of their own", async () => {
  const azure = await serve((response) =>
    answerJson(response, 200, {
      status: "completed",
      model: "gpt-4o-2024-08-06",
      output: [{ type: "message", content: [{ type: "output_text", text: "Good day." }] }],
    }),
  );
  const options = { api: "responses", stream: "false" };
  const model = await open({ provider: "azure-openai", base_url: azure.url, default_model: "ours", options });
  expect((await model.complete(request("hello", { model: "ours" }), never())).text).toBe("Good day.");
  expect(azure.asked[0]).toMatchObject({
    path: "/openai/v1/responses?api-version=preview",
    headers: { "api-key": "sk-canary" },
  });
});

test("an API that there is not is named", async () => {
  await expect(open({ provider: "openai", options: { api: "completions" } })).rejects.toMatchObject({
    code: "MODEL_OPTION_INVALID",
    message: "ModelEndpoint default/main: `options.api: completions` is neither chat nor responses",
  });
});

test("an unknown provider is named", async () => {
  await expect(open({ provider: "gemini" })).rejects.toMatchObject({ code: "MODEL_PROVIDER_UNKNOWN" });
});

test("an answer that breaks off before its length may have been billed, whether it came in parts or not", async () => {
  const head = { "Content-Type": "application/json" };
  for (const length of [{ "Content-Length": "900" }, {}]) {
    const cut = await serve((response) => {
      response.writeHead(200, { ...head, ...length });
      response.write('{"id":');
      setImmediate(() => response.destroy());
    });
    const options = { stream: "false" };
    const model = await open({ provider: "openai-compatible", base_url: cut.url, options });
    const failure: unknown = await model.complete(request("hello"), never()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "TransientFailure", code: "MODEL_UNAVAILABLE" });
    expect(failure).not.toMatchObject({ details: { effect: "none" } });
  }
});
