// One chat completion, streamed, and acted on by nobody before the stream has ended properly.
import type OpenAI from "openai";
import type { ModelAnswer } from "../../../../contracts/step.ts";
import { type ModelEndpoint, outputLimit, readOptions } from "../../endpoint.ts";
import type { ModelRequest } from "../../model.ts";
import { isEnforceable, isOfObject, systemWith } from "../../output-schema.ts";
import type { ToolNames } from "../../tool-names.ts";
import { FLAVORS, type OpenAIProvider } from "../flavor.ts";
import { readCompletion } from "./answer.ts";
import { toOpenAIMessages } from "./messages.ts";
import { ChatStream } from "./stream.ts";

/** What the API takes under the same name. */
const HANDED_ON = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repetition_penalty",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "stop",
  "response_format",
  "reasoning_effort",
  "verbosity",
  "service_tier",
  "user",
  "prompt_cache_key",
  "prompt_cache_retention",
];

type Answer = Omit<ModelAnswer, "provider"> | { readonly unusable: string };
export type AskOpenAI = (request: ModelRequest, names: ToolNames, signal: AbortSignal) => Promise<Answer>;

export function openChat(client: OpenAI, endpoint: ModelEndpoint, provider: OpenAIProvider): AskOpenAI {
  const options = readOptions(endpoint, HANDED_ON);
  const { stream, parallel_tool_calls } = readOptions(endpoint, ["stream", "parallel_tool_calls"]);
  return async (request, names, signal) => {
    const { tools } = request;
    const body: OpenAI.ChatCompletionCreateParamsNonStreaming = {
      ...options,
      ...(tools.length > 0 && parallel_tool_calls !== undefined
        ? { parallel_tool_calls: parallel_tool_calls === true }
        : {}),
      model: request.model,
      [FLAVORS[provider].limit]: outputLimit(endpoint, request.maxOutputTokens),
      ...saidWithSchema(request, names, FLAVORS[provider].enforcesSchemas),
      ...(tools.length === 0 ? {} : { tools: tools.map((tool) => toChatTool(tool, names)) }),
    };
    return readCompletion(await complete(client, body, signal, stream !== false), request, names);
  };
}

/** `unknown`: what comes is whatever the server sent; the SDK checks nothing. */
async function complete(
  client: OpenAI,
  body: OpenAI.ChatCompletionCreateParamsNonStreaming,
  signal: AbortSignal,
  streams: boolean,
): Promise<unknown> {
  if (!streams) return client.chat.completions.create(body, { signal });
  const streamed = { ...body, stream: true, stream_options: { include_usage: true } } as const;
  const assembled = new ChatStream();
  for await (const chunk of await client.chat.completions.create(streamed, { signal })) assembled.add(chunk);
  return assembled.completion();
}

function saidWithSchema(request: ModelRequest, names: ToolNames, enforcesSchemas: boolean) {
  const { outputSchema, system } = request;
  if (outputSchema === undefined || !enforcesSchemas || !isOfObject(outputSchema))
    return { messages: toOpenAIMessages({ ...request, system: systemWith(system, outputSchema) }, names) };
  const json_schema = { name: "output", schema: outputSchema, strict: isEnforceable(outputSchema) };
  return { messages: toOpenAIMessages(request, names), response_format: { type: "json_schema", json_schema } as const };
}

function toChatTool({ name, description, inputSchema }: ModelRequest["tools"][number], names: ToolNames) {
  return {
    type: "function" as const,
    function: { name: names.toProvider(name), description, parameters: { type: "object", ...inputSchema } },
  };
}
