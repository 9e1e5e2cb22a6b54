// A model request as the Messages API wants it.
import type { MessageCreateParamsStreaming } from "@anthropic-ai/sdk/resources/messages/messages.js";
import { type ModelEndpoint, outputLimit, readOptions } from "../endpoint.ts";
import type { ModelRequest } from "../model.ts";
import { isEnforceable, isOfObject, systemWith } from "../output-schema.ts";
import type { ToolNames } from "../tool-names.ts";
import { toAnthropicMessages } from "./messages.ts";

const HANDED_ON = ["temperature", "top_p", "top_k", "stop_sequences", "service_tier", "thinking"];

/** What of a request comes from the manifest alone; throws PermanentFailure MODEL_OPTION_INVALID. */
export function readAnthropicOptions(endpoint: ModelEndpoint) {
  const { stop, reasoning_effort, prompt_cache } = readOptions(endpoint, ["stop", "reasoning_effort", "prompt_cache"]);
  const body: Record<string, unknown> = readOptions(endpoint, HANDED_ON);
  if (stop !== undefined) body["stop_sequences"] ??= typeof stop === "string" ? [stop] : stop;
  return {
    body,
    effort: reasoning_effort === undefined ? {} : { effort: reasoning_effort },
    caches: prompt_cache !== "off",
  };
}

export function toAnthropicRequest(
  endpoint: ModelEndpoint,
  { body, effort, caches }: ReturnType<typeof readAnthropicOptions>,
  request: ModelRequest,
  names: ToolNames,
): MessageCreateParamsStreaming {
  const { outputSchema, tools } = request;
  const enforced = outputSchema !== undefined && isOfObject(outputSchema) && isEnforceable(outputSchema);
  const system = systemWith(request.system, enforced ? undefined : outputSchema);
  const config = { ...effort, ...(enforced ? { format: { type: "json_schema", schema: outputSchema } } : {}) };
  return {
    ...body,
    model: request.model,
    max_tokens: outputLimit(endpoint, request.maxOutputTokens),
    ...(system === "" ? {} : { system }),
    ...(Object.keys(config).length === 0 ? {} : { output_config: config as { effort?: "low" } }),
    messages: toAnthropicMessages(request, names),
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => toAnthropicTool(tool, names)) }),
    // Where there are tools, the same beginning comes again with each turn. For a single turn a cache would only cost.
    ...(caches && tools.length > 0 ? { cache_control: { type: "ephemeral" } } : {}),
    stream: true,
  };
}

function toAnthropicTool({ name, description, inputSchema }: ModelRequest["tools"][number], names: ToolNames) {
  return { name: names.toProvider(name), description, input_schema: { ...inputSchema, type: "object" as const } };
}
