// Assembles one answer from the events of a Messages API stream, and says what is wrong with one that cannot be used.
import type { KeptThoughts, ModelAnswer } from "../../../contracts/step.ts";
import { estimateTokens } from "../estimate.ts";
import { readFinish } from "../finish.ts";
import { at, cacheTokens, countAt, textAt } from "../foreign.ts";
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

interface Thought {
  readonly block: Readonly<Record<string, unknown>>;
  thinking: string;
  signature: string;
}

/** Events that are not known here carry nothing that is needed. */
export class AnthropicAnswer {
  readonly #names: ToolNames;
  readonly #calls = new Map<unknown, Call>();
  readonly #thoughts = new Map<unknown, Thought>();
  #text = "";
  #model = "";
  #stopReason = "";
  #ended = false;
  #freshTokens = 0;
  #cacheReadTokens = 0;
  #cacheWriteTokens = 0;
  #outputTokens = 0;

  constructor(names: ToolNames) {
    this.#names = names;
  }

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
    const finish = readFinish(this.#stopReason, toolCalls);
    if ("unusable" in finish) return finish;
    const reported = this.#freshTokens + this.#cacheReadTokens + this.#cacheWriteTokens;
    const inputTokens = reported || estimateTokens([request.system, request.messages, request.tools]);
    const model = this.#model || request.model;
    return {
      text: this.#text,
      toolCalls,
      inputTokens,
      outputTokens: this.#outputTokens || estimateTokens([this.#text, toolCalls]),
      ...cacheTokens(inputTokens, this.#cacheReadTokens, this.#cacheWriteTokens),
      ...finish,
      provider: "anthropic",
      model,
      ...this.#kept(request.model),
    };
  }

  /** The API wants the thoughts of a turn that called tools back as they were, signature and all. */
  #kept(model: string): { readonly kept?: KeptThoughts } {
    if (this.#thoughts.size === 0 || this.#calls.size === 0) return {};
    const items = [...this.#thoughts.values()].map(({ block, thinking, signature }) =>
      block["type"] === "thinking" ? { type: "thinking", thinking, signature } : block,
    );
    return { kept: { provider: "anthropic", model, items } };
  }

  #begin(index: unknown, block: unknown): void {
    const type = textAt(block, "type");
    if (type === "text") this.#text += textAt(block, "text");
    if (isObject(block) && (type === "thinking" || type === "redacted_thinking"))
      this.#thoughts.set(index, { block, thinking: textAt(block, "thinking"), signature: textAt(block, "signature") });
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
    const thought = this.#thoughts.get(index);
    if (type === "thinking_delta" && thought !== undefined) thought.thinking += textAt(delta, "thinking");
    if (type === "signature_delta" && thought !== undefined) thought.signature += textAt(delta, "signature");
    if (type === "text_delta") this.#text += textAt(delta, "text");
    if (type === "input_json_delta" && call !== undefined) call.written += textAt(delta, "partial_json");
  }

  /** Each event carries totals so far. What is read from or written to a cache is input too, and is paid for. */
  #count(usage: unknown): void {
    const most = (known: number, name: string): number => Math.max(known, countAt(usage, name) ?? 0);
    this.#freshTokens = most(this.#freshTokens, "input_tokens");
    this.#cacheReadTokens = most(this.#cacheReadTokens, "cache_read_input_tokens");
    this.#cacheWriteTokens = most(this.#cacheWriteTokens, "cache_creation_input_tokens");
    this.#outputTokens = most(this.#outputTokens, "output_tokens");
  }
}
