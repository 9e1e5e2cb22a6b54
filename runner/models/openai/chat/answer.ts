// Reads a chat completion as it came over the wire: servers that imitate OpenAI leave fields out or fill them oddly.
import type { ModelAnswer, ToolCall } from "../../../../contracts/step.ts";
import { estimateTokens } from "../../estimate.ts";
import { readFinish } from "../../finish.ts";
import { at, cacheTokens, countAt, listAt, textAt } from "../../foreign.ts";
import type { ModelRequest } from "../../model.ts";
import { findDoubledId, isObject, readToolCall } from "../../tool-arguments.ts";
import type { ToolNames } from "../../tool-names.ts";

type Read = Omit<ModelAnswer, "provider">;

export function readCompletion(
  completion: unknown,
  request: ModelRequest,
  names: ToolNames,
): Read | { readonly unusable: string } {
  const [choice] = listAt(completion, "choices");
  const message = at(choice, "message");
  if (!isObject(message)) return { unusable: "it has no choices[0].message" };
  const toolCalls = readToolCalls(message["tool_calls"], names);
  const doubled = findDoubledId(toolCalls);
  if (doubled !== undefined) return { unusable: `two tool calls have the id \`${doubled}\`` };
  const refusal = textOf(message["refusal"]);
  const finish = refusal === "" ? readFinish(textAt(choice, "finish_reason"), toolCalls) : refused;
  if ("unusable" in finish) return finish;
  const text = textOf(message["content"]) || refusal;
  return {
    text,
    toolCalls,
    ...readUsage(at(completion, "usage"), request, { text, toolCalls }),
    ...finish,
    model: textAt(completion, "model") || request.model,
  };
}

const refused = { finishReason: "refusal" } as const;

/** Calls without an id get one by position; calls of other sorts than functions were never offered. */
function readToolCalls(value: unknown, names: ToolNames): ToolCall[] {
  const calls: readonly unknown[] = Array.isArray(value) ? value : [];
  return calls.flatMap((call, index) => {
    const asked = at(call, "function");
    if (!isObject(asked)) return [];
    const written = asked["arguments"];
    const text = typeof written === "string" ? written : JSON.stringify(written ?? {});
    return [readToolCall(textAt(call, "id") || `call_${index + 1}`, names.fromProvider(textAt(asked, "name")), text)];
  });
}

type Used = Pick<ModelAnswer, "inputTokens" | "outputTokens" | "cacheReadTokens" | "cacheWriteTokens">;

/** `prompt_tokens` includes what came from a cache, `completion_tokens` what was thought. */
function readUsage(usage: unknown, request: ModelRequest, answer: unknown): Used {
  const inputTokens =
    countAt(usage, "prompt_tokens") ?? estimateTokens([request.system, request.messages, request.tools]);
  const details = at(usage, "prompt_tokens_details");
  return {
    inputTokens,
    outputTokens: countAt(usage, "completion_tokens") ?? estimateTokens(answer),
    ...cacheTokens(inputTokens, countAt(details, "cached_tokens") ?? 0, countAt(details, "cache_write_tokens") ?? 0),
  };
}

/** Content may come in parts. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.map((part: unknown) => textAt(part, "text")).join("") : "";
}
