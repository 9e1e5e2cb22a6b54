// Embeddings by OpenAI's API: of OpenAI, Azure OpenAI, Ollama and whatever speaks the same protocol.
import type { Fetch } from "../checked-fetch.ts";
import type { Embedder, EmbeddingAnswer, EmbeddingRequest } from "../embedder.ts";
import { endpointName, type ModelEndpoint, readOptions, timeoutOf } from "../endpoint.ts";
import { estimateTokens } from "../estimate.ts";
import { at, countAt, listAt, textAt } from "../foreign.ts";
import { malformedAnswer } from "../model-failure.ts";
import { withinCall } from "../sdk-call.ts";
import { type OpenAIProvider, openClient } from "./flavor.ts";

export async function openOpenAIEmbedder(
  endpoint: ModelEndpoint,
  provider: OpenAIProvider,
  fetch: Fetch,
): Promise<Embedder> {
  const sdk = await import("openai");
  const client = openClient(sdk, endpoint, { provider, api: "chat", fetch });
  const name = endpointName(endpoint);
  const { dimensions, user } = readOptions(endpoint, ["dimensions", "user"]);
  const options = {
    ...(typeof dimensions === "number" ? { dimensions } : {}),
    ...(typeof user === "string" ? { user } : {}),
  };
  return {
    provider,
    embed(request, signal) {
      const { model, texts } = request;
      const call = { endpoint: name, model, timeoutMs: timeoutOf(endpoint), errors: sdk };
      return withinCall(call, signal, async (bounded) => {
        // `float`: the SDK asks for base64 otherwise, which imitators do not know.
        const body = { ...options, model, input: [...texts], encoding_format: "float" as const };
        const read = readEmbeddings(await client.embeddings.create(body, { signal: bounded }), request);
        if ("unusable" in read) throw malformedAnswer(name, read.unusable);
        return read;
      });
    },
  };
}

/** More than any model has that is known of. */
const MOST_DIMENSIONS = 8_192;

function readEmbeddings(
  answer: unknown,
  { texts, model }: EmbeddingRequest,
): EmbeddingAnswer | { readonly unusable: string } {
  const data = listAt(answer, "data");
  if (data.length !== texts.length) return { unusable: `it has ${data.length} vectors for ${texts.length} texts` };
  const vectors: number[][] = [];
  for (const [position, item] of data.entries()) {
    const vector = at(item, "embedding");
    if (!isVector(vector)) return { unusable: `data[${position}].embedding is no list of numbers` };
    const index = at(item, "index");
    vectors[typeof index === "number" ? index : position] = vector;
  }
  const [first] = vectors;
  if (texts.some((_, position) => vectors[position]?.length !== first?.length) || vectors.length !== texts.length)
    return { unusable: "its vectors are not one for each text, of one length" };
  const usage = at(answer, "usage");
  const inputTokens = countAt(usage, "prompt_tokens") ?? countAt(usage, "total_tokens") ?? estimateTokens(texts);
  return { vectors, inputTokens, model: textAt(answer, "model") || model };
}

function isVector(value: unknown): value is number[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_DIMENSIONS) return false;
  return value.every((item) => typeof item === "number" && Number.isFinite(item));
}
