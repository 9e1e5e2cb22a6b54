// The Anthropic adapter: one Messages API call, streamed, and acted on by nobody before the stream has ended properly.
import type { ModelAnswer } from "../../../contracts/step.ts";
import {
  baseUrlOf,
  endpointName,
  type ModelEndpoint,
  outputLimit,
  readOptions,
  timeoutOf,
  withPath,
} from "../endpoint.ts";
import type { Model, ModelRequest } from "../model.ts";
import { authFailure, malformedAnswer } from "../model-failure.ts";
import { withinCall } from "../sdk-call.ts";
import { mapToolNames, mentionedTools } from "../tool-names.ts";
import { AnthropicAnswer } from "./answer.ts";
import { toAnthropicMessages } from "./messages.ts";

const OPTIONS = {
  temperature: "number",
  top_p: "number",
  top_k: "number",
  stop_sequences: "json",
  service_tier: "text",
} as const;

export async function openAnthropic(endpoint: ModelEndpoint): Promise<Model> {
  const name = endpointName(endpoint);
  const { apiKey } = endpoint;
  if (apiKey === undefined || apiKey === "") throw authFailure(name, "is missing");
  const sdk = await import("@anthropic-ai/sdk");
  // Everything that the SDK would otherwise look for in the environment is given. A redirect would carry the key along.
  const client = new sdk.Anthropic({
    apiKey,
    baseURL: messagesBase(endpoint),
    webhookKey: null,
    maxRetries: 0,
    timeout: timeoutOf(endpoint),
    logLevel: "off",
    openTelemetry: false,
    fetchOptions: { redirect: "error" },
  });
  const options = readOptions(endpoint, OPTIONS);
  return {
    provider: "anthropic",
    complete(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer> {
      const names = mapToolNames(mentionedTools(request));
      const call = { endpoint: name, model: request.model, timeoutMs: timeoutOf(endpoint), errors: sdk };
      return withinCall(call, signal, async (bounded) => {
        const events = await client.messages.create(
          {
            ...options,
            model: request.model,
            max_tokens: outputLimit(endpoint, request.maxOutputTokens),
            ...(request.system === "" ? {} : { system: request.system }),
            messages: toAnthropicMessages(request.messages, names),
            ...(request.tools.length === 0 ? {} : { tools: request.tools.map((tool) => toAnthropicTool(tool, names)) }),
            stream: true,
          },
          { signal: bounded },
        );
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
  const url = baseUrlOf(endpoint, "https://api.anthropic.com");
  return withPath(url, url.pathname.replace(/\/v1\/?$/, ""));
}

function toAnthropicTool(
  { name, description, inputSchema }: ModelRequest["tools"][number],
  names: ReturnType<typeof mapToolNames>,
) {
  return { name: names.toProvider(name), description, input_schema: { ...inputSchema, type: "object" as const } };
}
