// The mock provider: the same request always has the same answer, and its script can do what real models do.
import { expect, test } from "vitest";
import { open, request } from "./requests.ts";

const never = () => new AbortController().signal;
const mock = (rules?: unknown) =>
  open({ provider: "mock", ...(rules === undefined ? {} : { options: { script: JSON.stringify(rules) } }) });

test("without a script it answers from its input, always the same", async () => {
  const model = await mock();
  const first = await model.complete(request("Task input:\ntopic: bells"), never());
  expect(first).toEqual(await model.complete(request("Task input:\ntopic: bells"), never()));
  expect(first).toMatchObject({
    text: "writer is done with: Task input: topic: bells",
    toolCalls: [],
    finishReason: "stop",
  });
});

test("the first rule that matches answers: agent, turn and text of the last message", async () => {
  const model = await mock([
    { agent: "editor", say: "as editor" },
    { turn: 2, say: "second turn" },
    { contains: "bells", say: "ding" },
    { say: "anything else" },
  ]);
  const said = async (more: Parameters<typeof request>[1], text = "x") =>
    (await model.complete(request(text, more), never())).text;
  expect(await said({ agent: "editor", turn: 2 })).toBe("as editor");
  expect(await said({ turn: 2 })).toBe("second turn");
  expect(await said({}, "the bells")).toBe("ding");
  expect(await said({})).toBe("anything else");
});

test("calls tools with arguments that are filled in, once", async () => {
  const model = await mock([
    {
      say: "{{last}} of {{input}}",
      call: [
        { tool: "notes--search", arguments: { query: "{{input}}", deep: [{ n: 1, t: "{{last}}" }] } },
        { tool: "t" },
      ],
    },
  ]);
  const messages = [
    { role: "user" as const, text: "bells {{last}}" },
    { role: "tool" as const, callId: "c", tool: "t", text: "3", isError: false },
  ];
  expect(await model.complete(request("", { messages, turn: 2 }), never())).toMatchObject({
    text: "3 of bells {{last}}",
    finishReason: "tool_use",
    toolCalls: [
      { id: "call_2_1", tool: "notes--search", arguments: { query: "bells {{last}}", deep: [{ n: 1, t: "3" }] } },
      { id: "call_2_2", tool: "t", arguments: {} },
    ],
  });
});

test("fails as often as it is told, like a provider", async () => {
  const model = await mock([
    { say: "at last", tokens: { input: 5, output: 6 }, fail: { code: "rate_limited", times: 2 } },
  ]);
  for (let time = 1; time <= 2; time += 1) {
    await expect(model.complete(request("x"), never())).rejects.toMatchObject({
      name: "TransientFailure",
      code: "MODEL_RATE_LIMITED",
    });
  }
  expect(await model.complete(request("x"), never())).toMatchObject({
    text: "at last",
    inputTokens: 5,
    outputTokens: 6,
  });
});

test.each([
  ["server_error", { name: "TransientFailure", code: "MODEL_UNAVAILABLE" }],
  ["auth", { name: "PermanentFailure", code: "MODEL_AUTH" }],
])("fails always with %s where no number is given", async (code, failure) => {
  const model = await mock([{ fail: { code } }]);
  for (let time = 1; time <= 3; time += 1)
    await expect(model.complete(request("x"), never())).rejects.toMatchObject(failure);
});

test("an abort ends its latency with the reason", async () => {
  const abort = new AbortController();
  const asking = (await mock([{ say: "late", latency: "1h" }])).complete(request("x"), abort.signal);
  const reason = new Error("lease lost");
  abort.abort(reason);
  await expect(asking).rejects.toBe(reason);
});

test("names what is wrong with its script", async () => {
  await expect(mock([{ sya: "x" }])).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "MODEL_OPTION_INVALID",
    message: "ModelEndpoint default/main: `options.script`: [0]: `sya` is not a field of a rule",
  });
});
