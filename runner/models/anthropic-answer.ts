// Assembles one answer from the events of a Messages API stream, and says what is wrong with one that cannot be used.
import type { MessageDeltaUsage, RawMessageStreamEvent, Usage } from "@anthropic-ai/sdk/resources/messages/messages.js";
import type { FinishReason, ModelAnswer } from "../../contracts/step.ts";
import { estimateTokens } from "./estimate.ts";
import type { ModelRequest } from "./model.ts";
import { findDoubledId, readToolCall } from "./tool-arguments.ts";
import type { ToolNames } from "./tool-names.ts";

interface Call {
  readonly id: string;
  readonly name: string;
  /** What a stream may carry at once instead of in parts. */
  readonly whole: unknown;
  written: string;
}

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  tool_use: "tool_use",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  refusal: "refusal",
};

export class AnthropicAnswer {
  readonly #names: ToolNames;
  readonly #calls = new Map<number, Call>();
  #text = "";
  #model = "";
  #stopReason: string | null = null;
  #ended = false;
  #inputTokens = 0;
  #outputTokens = 0;

  constructor(names: ToolNames) {
    this.#names = names;
  }

  add(event: RawMessageStreamEvent): void {
    switch (event.type) {
      case "message_start":
        this.#model = event.message.model;
        this.#count(event.message.usage);
        return;
      case "content_block_start": {
        const block = event.content_block;
        if (block.type === "text") this.#text += block.text;
        if (block.type !== "tool_use") return;
        this.#calls.set(event.index, { id: block.id, name: block.name, whole: block.input, written: "" });
        return;
      }
      case "content_block_delta": {
        const call = this.#calls.get(event.index);
        if (event.delta.type === "text_delta") this.#text += event.delta.text;
        if (event.delta.type === "input_json_delta" && call !== undefined) call.written += event.delta.partial_json;
        return;
      }
      case "message_delta":
        this.#stopReason = event.delta.stop_reason ?? this.#stopReason;
        this.#count(event.usage);
        return;
      case "message_stop":
        this.#ended = true;
        return;
      case "content_block_stop":
        return;
    }
  }

  /** A stream that just ends has been cut: without `message_stop` nothing of it may be acted on. */
  read(request: ModelRequest): ModelAnswer | { readonly unusable: string } {
    if (!this.#ended) return { unusable: "the stream was cut before its end" };
    const toolCalls = [...this.#calls.values()].map(({ id, name, whole, written }) =>
      readToolCall(id, this.#names.fromProvider(name), written === "" ? JSON.stringify(whole ?? {}) : written),
    );
    const doubled = findDoubledId(toolCalls);
    if (doubled !== undefined) return { unusable: `two tool calls have the id \`${doubled}\`` };
    return {
      text: this.#text,
      toolCalls,
      inputTokens: this.#inputTokens || estimateTokens([request.system, request.messages, request.tools]),
      outputTokens: this.#outputTokens || estimateTokens([this.#text, toolCalls]),
      finishReason: FINISH[this.#stopReason ?? ""] ?? "other",
      provider: "anthropic",
      model: this.#model || request.model,
    };
  }

  /** Both events carry totals so far. What is read from or written to a cache is input too, and is paid for. */
  #count(usage: Usage | MessageDeltaUsage | undefined): void {
    if (usage === undefined) return;
    const input = usage.input_tokens ?? 0;
    const cached = (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
    this.#inputTokens = Math.max(this.#inputTokens, input + cached);
    this.#outputTokens = Math.max(this.#outputTokens, usage.output_tokens ?? 0);
  }
}
