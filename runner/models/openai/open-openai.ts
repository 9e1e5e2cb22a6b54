// The OpenAI adapter: chat completions of OpenAI, Azure OpenAI, Ollama and whatever speaks the same protocol.

import type * as Sdk from "openai";
import type OpenAI from "openai";
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
import { mapToolNames, mentionedTools, type ToolNames } from "../tool-names.ts";
import { readCompletion } from "./answer.ts";
import { toOpenAIMessages } from "./messages.ts";

export type OpenAIProvider = "openai" | "azure-openai" | "openai-compatible" | "ollama";

const OPTIONS = {
  temperature: "number",
  top_p: "number",
  frequency_penalty: "number",
  presence_penalty: "number",
  seed: "number",
  stop: "json",
  response_format: "json",
  reasoning_effort: "text",
  verbosity: "text",
  service_tier: "text",
  user: "text",
} as const;

/** `limit`: Azure and OpenAI know `max_completion_tokens` for all models; the servers that imitate them often do not. */
interface Flavor {
  readonly base: string | undefined;
  readonly needsKey: boolean;
  readonly limit: "max_tokens" | "max_completion_tokens";
}

const FLAVORS: Readonly<Record<OpenAIProvider, Flavor>> = {
  openai: { base: "https://api.openai.com/v1", needsKey: true, limit: "max_completion_tokens" },
  "azure-openai": { base: undefined, needsKey: true, limit: "max_completion_tokens" },
  "openai-compatible": { base: undefined, needsKey: false, limit: "max_tokens" },
  ollama: { base: "http://localhost:11434/v1", needsKey: false, limit: "max_tokens" },
};

export async function openOpenAI(endpoint: ModelEndpoint, provider: OpenAIProvider): Promise<Model> {
  const name = endpointName(endpoint);
  const { base, needsKey, limit } = FLAVORS[provider];
  if (needsKey && (endpoint.apiKey ?? "") === "") throw authFailure(name, "is missing");
  const sdk = await import("openai");
  const url = baseUrlOf(endpoint, base);
  const client = provider === "azure-openai" ? openAzure(sdk, endpoint, url) : openPlain(sdk, endpoint, url);
  const options = readOptions(endpoint, OPTIONS);
  const timeoutMs = timeoutOf(endpoint);
  return {
    provider,
    complete(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer> {
      const names = mapToolNames(mentionedTools(request));
      const call = { endpoint: name, model: request.model, timeoutMs, errors: sdk };
      return withinCall(call, signal, async (bounded) => {
        const body: OpenAI.ChatCompletionCreateParamsNonStreaming = {
          ...options,
          model: request.model,
          [limit]: outputLimit(endpoint, request.maxOutputTokens),
          messages: toOpenAIMessages(request, names),
          ...(request.tools.length === 0 ? {} : { tools: request.tools.map((tool) => toOpenAITool(tool, names)) }),
        };
        // `unknown`: what comes is whatever the server sent; the SDK checks nothing.
        const completion: unknown = await client.chat.completions.create(body, { signal: bounded });
        const read = readCompletion(completion, request, names);
        if ("unusable" in read) throw malformedAnswer(name, read.unusable);
        return { ...read, provider };
      });
    },
  };
}

/** Everything that the SDK would otherwise look for in the environment is given. A redirect would carry the key along. */
function common(endpoint: ModelEndpoint) {
  return {
    adminAPIKey: null,
    webhookSecret: null,
    organization: endpoint.spec.options?.["organization"] ?? null,
    project: endpoint.spec.options?.["project"] ?? null,
    maxRetries: 0,
    timeout: timeoutOf(endpoint),
    logLevel: "off",
    fetchOptions: { redirect: "error" },
  } as const;
}

function openPlain(sdk: typeof Sdk, endpoint: ModelEndpoint, url: URL): OpenAI {
  const { apiKey = "" } = endpoint;
  return new sdk.OpenAI({
    ...common(endpoint),
    // The SDK insists on a key; a server without one gets no header.
    apiKey: apiKey === "" ? "none" : apiKey,
    ...(apiKey === "" ? { defaultHeaders: { Authorization: null } } : {}),
    baseURL: withPath(url, url.pathname === "/" ? "/v1" : url.pathname),
  });
}

/** The last version of the API that is not a preview; `options.api_version` names another. */
const AZURE_API_VERSION = "2024-10-21";

/** Azure's models are deployments: `default_model` is a deployment's name. */
function openAzure(sdk: typeof Sdk, endpoint: ModelEndpoint, url: URL): OpenAI {
  return new sdk.AzureOpenAI({
    ...common(endpoint),
    apiKey: endpoint.apiKey ?? "",
    apiVersion: endpoint.spec.options?.["api_version"] ?? AZURE_API_VERSION,
    baseURL: withPath(url, url.pathname === "/" ? "/openai" : url.pathname),
  });
}

function toOpenAITool({ name, description, inputSchema }: ModelRequest["tools"][number], names: ToolNames) {
  return {
    type: "function" as const,
    function: { name: names.toProvider(name), description, parameters: { type: "object", ...inputSchema } },
  };
}
