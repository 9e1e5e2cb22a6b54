// Reads a chat completion as it came over the wire: servers that imitate OpenAI leave fields out or fill them oddly.
import type { FinishReason, ModelAnswer, ToolCall } from "../../../contracts/step.ts";
import { estimateTokens } from "../estimate.ts";
import type { ModelRequest } from "../model.ts";
import { findDoubledId, isObject, readToolCall } from "../tool-arguments.ts";
import type { ToolNames } from "../tool-names.ts";

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  tool_calls: "tool_use",
  function_call: "tool_use",
  length: "length",
  content_filter: "refusal",
};

type Read = Omit<ModelAnswer, "provider">;

export function readCompletion(
  completion: unknown,
  request: ModelRequest,
  names: ToolNames,
): Read | { readonly unusable: string } {
  const choice = isObject(completion) && Array.isArray(completion["choices"]) ? completion["choices"][0] : undefined;
  if (!isObject(completion) || !isObject(choice) || !isObject(choice["message"])) {
    return { unusable: "it has no choices[0].message" };
  }
  const { message } = choice;
  const toolCalls = readToolCalls(message["tool_calls"], names);
  const doubled = findDoubledId(toolCalls);
  if (doubled !== undefined) return { unusable: `two tool calls have the id \`${doubled}\`` };
  const refusal = textOf(message["refusal"]);
  const text = textOf(message["content"]) || refusal;
  return {
    text,
    toolCalls,
    ...readUsage(completion["usage"], request, { text, toolCalls }),
    finishReason: refusal === "" ? finishOf(choice["finish_reason"], toolCalls) : "refusal",
    model: textOf(completion["model"]) || request.model,
  };
}

/** Some servers say `stop` beside tool calls. */
function finishOf(reason: unknown, calls: readonly ToolCall[]): FinishReason {
  const known = (typeof reason === "string" && Object.hasOwn(FINISH, reason) ? FINISH[reason] : undefined) ?? "other";
  return known === "stop" && calls.length > 0 ? "tool_use" : known;
}

/** Calls without an id get one by position; calls of other sorts than functions were never offered. */
function readToolCalls(value: unknown, names: ToolNames): ToolCall[] {
  const calls: readonly unknown[] = Array.isArray(value) ? value : [];
  return calls.flatMap((call, index) => {
    const asked = isObject(call) ? call["function"] : undefined;
    if (!isObject(call) || !isObject(asked)) return [];
    const written = asked["arguments"];
    const text = typeof written === "string" ? written : JSON.stringify(written ?? {});
    return [readToolCall(textOf(call["id"]) || `call_${index + 1}`, names.fromProvider(textOf(asked["name"])), text)];
  });
}

/** `prompt_tokens` includes what came from a cache, `completion_tokens` what was thought. */
function readUsage(
  usage: unknown,
  request: ModelRequest,
  answer: unknown,
): { inputTokens: number; outputTokens: number } {
  const count = (name: string): number | undefined => {
    const value = isObject(usage) ? usage[name] : undefined;
    return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : undefined;
  };
  return {
    inputTokens: count("prompt_tokens") ?? estimateTokens([request.system, request.messages, request.tools]),
    outputTokens: count("completion_tokens") ?? estimateTokens(answer),
  };
}

/** Content may come in parts. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  return value
    .map((part: unknown) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("");
}
