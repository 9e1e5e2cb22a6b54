// Assembles one answer from the events of a Messages API stream, and says what is wrong with one that cannot be used.
import type { FinishReason, ModelAnswer } from "../../../contracts/step.ts";
import { estimateTokens } from "../estimate.ts";
import type { ModelRequest } from "../model.ts";
import { findDoubledId, isObject, readToolCall } from "../tool-arguments.ts";
import type { ToolNames } from "../tool-names.ts";

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

/** Events are read as what they are, text from a network: the SDK's types are a promise that it does not check. */
export class AnthropicAnswer {
  readonly #names: ToolNames;
  readonly #calls = new Map<unknown, Call>();
  #text = "";
  #model = "";
  #stopReason = "";
  #ended = false;
  #inputTokens = 0;
  #outputTokens = 0;

  constructor(names: ToolNames) {
    this.#names = names;
  }

  /** Events of a kind that is not known here carry nothing that is needed. */
  add(event: unknown): void {
    switch (textAt(event, "type")) {
      case "message_start":
        this.#model = textAt(at(event, "message"), "model");
        return this.#count(at(at(event, "message"), "usage"));
      case "content_block_start":
        return this.#begin(at(event, "index"), at(event, "content_block"));
      case "content_block_delta":
        return this.#extend(at(event, "index"), at(event, "delta"));
      case "message_delta":
        this.#stopReason = textAt(at(event, "delta"), "stop_reason") || this.#stopReason;
        return this.#count(at(event, "usage"));
      case "message_stop":
        this.#ended = true;
        return;
      default:
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
      finishReason: (Object.hasOwn(FINISH, this.#stopReason) ? FINISH[this.#stopReason] : undefined) ?? "other",
      provider: "anthropic",
      model: this.#model || request.model,
    };
  }

  #begin(index: unknown, block: unknown): void {
    const type = textAt(block, "type");
    if (type === "text") this.#text += textAt(block, "text");
    if (type !== "tool_use") return;
    this.#calls.set(index, {
      id: textAt(block, "id"),
      name: textAt(block, "name"),
      whole: at(block, "input"),
      written: "",
    });
  }

  #extend(index: unknown, delta: unknown): void {
    const type = textAt(delta, "type");
    const call = this.#calls.get(index);
    if (type === "text_delta") this.#text += textAt(delta, "text");
    if (type === "input_json_delta" && call !== undefined) call.written += textAt(delta, "partial_json");
  }

  /** Each event carries totals so far. What is read from or written to a cache is input too, and is paid for. */
  #count(usage: unknown): void {
    const cached = countAt(usage, "cache_creation_input_tokens") + countAt(usage, "cache_read_input_tokens");
    this.#inputTokens = Math.max(this.#inputTokens, countAt(usage, "input_tokens") + cached);
    this.#outputTokens = Math.max(this.#outputTokens, countAt(usage, "output_tokens"));
  }
}

function at(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function textAt(value: unknown, name: string): string {
  const text = at(value, name);
  return typeof text === "string" ? text : "";
}

function countAt(value: unknown, name: string): number {
  const count = at(value, name);
  return typeof count === "number" && Number.isFinite(count) && count > 0 ? Math.ceil(count) : 0;
}
