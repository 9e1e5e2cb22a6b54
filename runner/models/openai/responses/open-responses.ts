// One response of the Responses API, streamed, stored nowhere, and acted on by nobody before its last event.
import type OpenAI from "openai";
import type { ResponseCreateParamsNonStreaming } from "openai/resources/responses/responses.js";
import { endpointName, type ModelEndpoint, outputLimit, readOptions } from "../../endpoint.ts";
import type { ModelRequest } from "../../model.ts";
import { statusFailure } from "../../model-failure.ts";
import { isEnforceable, isOfObject, systemWith } from "../../output-schema.ts";
import type { ToolNames } from "../../tool-names.ts";
import type { AskOpenAI } from "../chat/open-chat.ts";
import { FLAVORS, type OpenAIProvider } from "../flavor.ts";
import { ResponseStream, readResponse } from "./answer.ts";
import { toItems } from "./messages.ts";

/** What the API takes under the same name. */
const HANDED_ON = [
  "temperature",
  "top_p",
  "service_tier",
  "user",
  "truncation",
  "prompt_cache_key",
  "prompt_cache_retention",
];

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  rate_limit_exceeded: 429,
  invalid_prompt: 400,
  server_error: 500,
};

export function openResponses(client: OpenAI, endpoint: ModelEndpoint, provider: OpenAIProvider): AskOpenAI {
  const options = readOptions(endpoint, HANDED_ON);
  const own = readOptions(endpoint, ["reasoning_effort", "verbosity", "stream", "parallel_tool_calls"]);
  return async (request, names, signal) => {
    const { tools } = request;
    const body: ResponseCreateParamsNonStreaming = {
      ...options,
      ...(tools.length > 0 && "parallel_tool_calls" in own
        ? { parallel_tool_calls: own["parallel_tool_calls"] === true }
        : {}),
      ...reasoningOf(own["reasoning_effort"]),
      ...said(request, names, FLAVORS[provider].enforcesSchemas, own["verbosity"]),
      model: request.model,
      max_output_tokens: outputLimit(endpoint, request.maxOutputTokens),
      store: false,
      ...(tools.length === 0 ? {} : { tools: tools.map((tool) => toTool(tool, names)) }),
    };
    const read = readResponse(await respond(client, body, signal, own["stream"] !== false), request, names);
    if (!("failed" in read)) return read;
    const { code, message } = read.failed;
    const status = (Object.hasOwn(STATUS_OF_CODE, code) ? STATUS_OF_CODE[code] : undefined) ?? 500;
    throw statusFailure(endpointName(endpoint), request.model, { status, retryAfterMs: undefined, message });
  };
}

async function respond(
  client: OpenAI,
  body: ResponseCreateParamsNonStreaming,
  signal: AbortSignal,
  streams: boolean,
): Promise<unknown> {
  if (!streams) return client.responses.create(body, { signal });
  const assembled = new ResponseStream();
  for await (const event of await client.responses.create({ ...body, stream: true }, { signal })) assembled.add(event);
  return assembled.response();
}

/** Only models that reason know encrypted thoughts; who sets an effort means one of them. */
function reasoningOf(effort: unknown) {
  if (effort === undefined) return {};
  return { reasoning: { effort: effort as "low" }, include: ["reasoning.encrypted_content" as const] };
}

function said(request: ModelRequest, names: ToolNames, enforcesSchemas: boolean, verbosity: unknown) {
  const { outputSchema } = request;
  const enforced = enforcesSchemas && outputSchema !== undefined && isOfObject(outputSchema) ? outputSchema : undefined;
  const instructions = systemWith(request.system, enforced === undefined ? outputSchema : undefined);
  const format =
    enforced === undefined
      ? {}
      : {
          format: {
            type: "json_schema" as const,
            name: "output",
            schema: enforced,
            strict: isEnforceable(enforced),
          },
        };
  const text = { ...format, ...(verbosity === undefined ? {} : { verbosity: verbosity as "low" }) };
  return {
    ...(instructions === "" ? {} : { instructions }),
    ...(Object.keys(text).length === 0 ? {} : { text }),
    input: toItems(request, names),
  };
}

function toTool({ name, description, inputSchema }: ModelRequest["tools"][number], names: ToolNames) {
  const parameters = { type: "object", ...inputSchema };
  return { type: "function" as const, name: names.toProvider(name), description, parameters, strict: false };
}
