// What is asked of servers that make embeddings, and what is believed of their answers.
import { expect, test } from "vitest";
import type { ModelEndpointSpec } from "../../../contracts/kinds/model-endpoint.ts";
import type { Embedder } from "../../../runner/models/embedder.ts";
import { openEmbedder } from "../../../runner/models/open-embedder.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { answerJson, serve } from "../tools/http-server.ts";

const { signal } = new AbortController();

function open(spec: Readonly<Record<string, unknown>>, apiKey = "sk-canary"): Promise<Embedder> {
  const full = { default_model: "m", auth: { secret_ref: "keys:model" }, ...spec } as unknown as ModelEndpointSpec;
  const endpoint = { namespace: "default", name: "main", spec: full, ...(apiKey === "" ? {} : { apiKey }) };
  return openEmbedder(endpoint, { privateHosts: [], resolve: resolveHost });
}

const answer = (vectors: readonly unknown[], more: object = {}) => ({
  object: "list",
  model: "m-2026",
  data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
  usage: { prompt_tokens: 7, total_tokens: 7 },
  ...more,
});

test.each([
  ["openai", "", "/v1/embeddings", "Bearer sk-canary"],
  ["openai-compatible", "/api", "/api/embeddings", "Bearer sk-canary"],
  ["ollama", "", "/v1/embeddings", "Bearer sk-canary"],
  ["azure-openai", "", "/openai/deployments/m/embeddings?api-version=2024-10-21", undefined],
])("asks %s in its own way, once, with every text", async (provider, place, path, authorization) => {
  const { url, asked } = await serve((response) =>
    answerJson(
      response,
      200,
      answer([
        [1, 0],
        [0, 1],
      ]),
    ),
  );
  const embedder = await open({ provider, base_url: `${url}${place}`, options: { dimensions: "2", user: "u" } });
  const read = await embedder.embed({ model: "m", texts: ["a", "b"] }, signal);
  expect(read).toEqual({
    vectors: [
      [1, 0],
      [0, 1],
    ],
    inputTokens: 7,
    model: "m-2026",
  });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({ path });
  expect(asked[0]?.headers["authorization"]).toBe(authorization);
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual({
    model: "m",
    input: ["a", "b"],
    encoding_format: "float",
    dimensions: 2,
    user: "u",
  });
});

test("puts vectors in the order of the texts, and guesses tokens where none are told", async () => {
  const data = [
    { index: 1, embedding: [2] },
    { index: 0, embedding: [1] },
  ];
  const { url } = await serve((response) => answerJson(response, 200, { data }));
  const read = await (await open({ base_url: url })).embed({ model: "m", texts: ["a", "b"] }, signal);
  expect(read).toEqual({ vectors: [[1], [2]], inputTokens: expect.any(Number) as number, model: "m" });
  expect(read.inputTokens).toBeGreaterThan(0);
});

test.each([
  ["nothing", {}],
  ["too few vectors", answer([[1]])],
  ["vectors of two lengths", answer([[1], [1, 2]])],
  ["a text for a vector", answer([[1], "AAAA"])],
  ["a number that is none", answer([[1], [null]])],
  [
    "two of one index",
    {
      data: [
        { index: 0, embedding: [1] },
        { index: 0, embedding: [2] },
      ],
    },
  ],
  [
    "an index far away",
    {
      data: [
        { index: 0, embedding: [1] },
        { index: 9, embedding: [2] },
      ],
    },
  ],
])("cannot use an answer with %s", async (_what, body) => {
  const { url } = await serve((response) => answerJson(response, 200, body));
  const embedder = await open({ base_url: url });
  await expect(embedder.embed({ model: "m", texts: ["a", "b"] }, signal)).rejects.toMatchObject({
    code: "MODEL_MALFORMED_ANSWER",
  });
});

test.each([
  [401, "MODEL_AUTH"],
  [429, "MODEL_RATE_LIMITED"],
  [400, "MODEL_BAD_REQUEST"],
])("tells %i as it does of a turn", async (status, code) => {
  const { url } = await serve((response) => answerJson(response, status, { error: { message: "no" } }));
  await expect((await open({ base_url: url })).embed({ model: "m", texts: ["a"] }, signal)).rejects.toMatchObject({
    code,
  });
});

test("says of a provider without embeddings that it has none", async () => {
  await expect(open({ provider: "anthropic" })).rejects.toMatchObject({
    code: "EMBEDDINGS_UNSUPPORTED",
    message: expect.stringContaining("openai, azure-openai") as string,
  });
});
