// The OpenAI adapter: OpenAI, Azure OpenAI, Ollama and whatever speaks the same protocol, by either of its two APIs.
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { Fetch } from "../checked-fetch.ts";
import { endpointName, type ModelEndpoint, timeoutOf } from "../endpoint.ts";
import type { Model } from "../model.ts";
import { malformedAnswer } from "../model-failure.ts";
import { withinCall } from "../sdk-call.ts";
import { mapToolNames, mentionedTools } from "../tool-names.ts";
import { openChat } from "./chat/open-chat.ts";
import { type OpenAIApi, type OpenAIProvider, openClient } from "./flavor.ts";
import { openResponses } from "./responses/open-responses.ts";

export async function openOpenAI(endpoint: ModelEndpoint, provider: OpenAIProvider, fetch: Fetch): Promise<Model> {
  const api = readApi(endpoint);
  const sdk = await import("openai");
  const client = openClient(sdk, endpoint, { provider, api, fetch });
  const ask = api === "chat" ? openChat(client, endpoint, provider) : openResponses(client, endpoint, provider);
  const known = { endpoint: endpointName(endpoint), timeoutMs: timeoutOf(endpoint), errors: sdk };
  return {
    provider,
    complete(request, signal) {
      const names = mapToolNames(mentionedTools(request));
      return withinCall({ ...known, model: request.model }, signal, async (bounded) => {
        const read = await ask(request, names, bounded);
        if ("unusable" in read) throw malformedAnswer(known.endpoint, read.unusable);
        return { ...read, provider };
      });
    },
  };
}

function readApi(endpoint: ModelEndpoint): OpenAIApi {
  const api = endpoint.spec.options?.["api"] ?? "chat";
  if (api === "chat" || api === "responses") return api;
  const { label } = endpointName(endpoint);
  throw new PermanentFailure("MODEL_OPTION_INVALID", `${label}: \`options.api: ${api}\` is neither chat nor responses`);
}
