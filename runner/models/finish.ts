// Why a model stopped: the words of all providers, and what each means for those who read the answer.
import type { FinishReason, ToolCall } from "../../contracts/step.ts";

/** Those of Anthropic, of OpenAI, and of servers that imitate them. */
const MEANS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  stop: "stop",
  eos: "stop",
  eos_token: "stop",
  tool_use: "tool_use",
  tool_calls: "tool_use",
  function_call: "tool_use",
  max_tokens: "length",
  max_output_tokens: "length",
  model_context_window_exceeded: "length",
  model_length: "length",
  length: "length",
  refusal: "refusal",
  content_filter: "refusal",
  pause_turn: "pause",
};

type Finish = { readonly finishReason: FinishReason; readonly stopReason?: string } | { readonly unusable: string };

/** An answer without a reason was cut: nothing of it may be acted on. `said`: the provider's word. */
export function readFinish(said: string, calls: readonly ToolCall[]): Finish {
  if (said === "") return { unusable: "the stream was cut before its end" };
  if (said === "error") return { unusable: "the server failed in the middle of it" };
  const finishReason = Object.hasOwn(MEANS, said) ? MEANS[said] : undefined;
  if (finishReason === undefined) return { finishReason: "other", stopReason: said.slice(0, 100) };
  // Some servers say `stop` beside tool calls.
  if (finishReason === "stop" && calls.length > 0) return { finishReason: "tool_use" };
  if (finishReason === "tool_use" && calls.length === 0)
    return { unusable: "it says that it calls tools, and calls none" };
  return { finishReason };
}
