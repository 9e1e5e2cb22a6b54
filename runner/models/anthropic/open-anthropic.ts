// The Anthropic adapter: one Messages API call, streamed, and acted on by nobody before the stream has ended properly.
import { MODEL_ADDRESSES } from "../../../contracts/reach.ts";
import type { ModelAnswer } from "../../../contracts/step.ts";
import type { Fetch } from "../checked-fetch.ts";
import { baseUrlOf, endpointName, type ModelEndpoint, timeoutOf, withPath } from "../endpoint.ts";
import type { Model, ModelRequest } from "../model.ts";
import { authFailure, malformedAnswer } from "../model-failure.ts";
import { withinCall } from "../sdk-call.ts";
import { mapToolNames, mentionedTools } from "../tool-names.ts";
import { AnthropicAnswer } from "./answer.ts";
import { readAnthropicOptions, toAnthropicRequest } from "./request.ts";

/** With tools the API adds a prompt of its own: at most about 530 tokens with the models of 2026. */
const TOOL_PROMPT_TOKENS = 600;

export async function openAnthropic(endpoint: ModelEndpoint, fetch: Fetch): Promise<Model> {
  const name = endpointName(endpoint);
  const { apiKey } = endpoint;
  if (apiKey === undefined || apiKey === "") throw authFailure(name, "is missing");
  const sdk = await import("@anthropic-ai/sdk");
  // Everything that the SDK would otherwise look for in the environment is given.
  const client = new sdk.Anthropic({
    apiKey,
    baseURL: messagesBase(endpoint),
    webhookKey: null,
    maxRetries: 0,
    timeout: timeoutOf(endpoint),
    logLevel: "off",
    openTelemetry: false,
    fetch,
  });
  const options = readAnthropicOptions(endpoint);
  const known = { endpoint: name, timeoutMs: timeoutOf(endpoint), errors: sdk };
  return {
    provider: "anthropic",
    toolPromptTokens: TOOL_PROMPT_TOKENS,
    complete(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer> {
      const names = mapToolNames(mentionedTools(request));
      return withinCall({ ...known, model: request.model }, signal, async (bounded) => {
        const body = toAnthropicRequest(endpoint, options, request, names);
        const events = await client.messages.create(body, { signal: bounded });
        const answer = new AnthropicAnswer(names);
        for await (const event of events) answer.add(event);
        const read = answer.read(request);
        if ("unusable" in read) throw malformedAnswer(name, read.unusable);
        return read;
      });
    },
  };
}

/** Manifests write the address with and without `/v1`; the SDK adds it. */
function messagesBase(endpoint: ModelEndpoint): string {
  const url = baseUrlOf(endpoint, MODEL_ADDRESSES["anthropic"]);
  return withPath(url, url.pathname.replace(/\/v1\/?$/, ""));
}
