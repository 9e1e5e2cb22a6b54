// Reads a response of the Responses API, whole or from the events of its stream.
import type { KeptThoughts, ModelAnswer, ToolCall } from "../../../../contracts/step.ts";
import { estimateTokens } from "../../estimate.ts";
import { readFinish } from "../../finish.ts";
import { at, cacheTokens, countAt, listAt, textAt } from "../../foreign.ts";
import type { ModelRequest } from "../../model.ts";
import { findDoubledId, readToolCall } from "../../tool-arguments.ts";
import type { ToolNames } from "../../tool-names.ts";

/** The last event of a stream carries the whole response; a stream without one was cut. */
export class ResponseStream {
  readonly #items: unknown[] = [];
  #response: unknown;

  add(event: unknown): void {
    const type = textAt(event, "type");
    if (type === "response.output_item.done") this.#items.push(at(event, "item"));
    if (/^response\.(completed|incomplete|failed)$/.test(type)) this.#response = at(event, "response");
  }

  /** Some servers leave the output out of the last event, having sent each item before. */
  response(): unknown {
    const isBare = listAt(this.#response, "output").length === 0 && this.#items.length > 0;
    return isBare ? { ...(this.#response as object | undefined), output: this.#items } : this.#response;
  }
}

export type ResponseRead =
  | Omit<ModelAnswer, "provider">
  | { readonly unusable: string }
  /** The provider itself says that it failed. */
  | { readonly failed: { readonly code: string; readonly message: string } };

export function readResponse(response: unknown, request: ModelRequest, names: ToolNames): ResponseRead {
  const status = textAt(response, "status");
  if (status === "failed") {
    const error = at(response, "error");
    return { failed: { code: textAt(error, "code"), message: textAt(error, "message") } };
  }
  const output = listAt(response, "output");
  const toolCalls = readToolCalls(output, names);
  const doubled = findDoubledId(toolCalls);
  if (doubled !== undefined) return { unusable: `two tool calls have the id \`${doubled}\`` };
  const [said, refusal] = [textsOf(output, "text"), textsOf(output, "refusal")];
  const finish = readFinish(refusal === "" ? stopWord(response, status) : "refusal", toolCalls);
  if ("unusable" in finish) return finish;
  const text = said || refusal;
  return {
    text,
    toolCalls,
    ...readUsage(at(response, "usage"), request, { text, toolCalls }),
    ...finish,
    model: textAt(response, "model") || request.model,
    ...keptOf(output, toolCalls, request.model),
  };
}

/** Empty where the response did not come to its end. What is incomplete without a reason was cut at its limit. */
function stopWord(response: unknown, status: string): string {
  if (status === "completed") return "stop";
  return status === "incomplete" ? textAt(at(response, "incomplete_details"), "reason") || "length" : "";
}

function readToolCalls(output: readonly unknown[], names: ToolNames): ToolCall[] {
  return output
    .filter((item) => textAt(item, "type") === "function_call")
    .map((item, index) =>
      readToolCall(
        textAt(item, "call_id") || textAt(item, "id") || `call_${index + 1}`,
        names.fromProvider(textAt(item, "name")),
        textAt(item, "arguments"),
      ),
    );
}

function textsOf(output: readonly unknown[], part: "text" | "refusal"): string {
  return output
    .filter((item) => textAt(item, "type") === "message")
    .flatMap((item) => listAt(item, "content"))
    .map((content) => textAt(content, part))
    .join("");
}

function readUsage(usage: unknown, request: ModelRequest, answer: unknown) {
  const inputTokens =
    countAt(usage, "input_tokens") ?? estimateTokens([request.system, request.messages, request.tools]);
  const details = at(usage, "input_tokens_details");
  return {
    inputTokens,
    outputTokens: countAt(usage, "output_tokens") ?? estimateTokens(answer),
    ...cacheTokens(inputTokens, countAt(details, "cached_tokens") ?? 0, countAt(details, "cache_write_tokens") ?? 0),
  };
}

/** Nothing is stored at the provider, so the thoughts behind a call go back with it, encrypted as they came. */
function keptOf(
  output: readonly unknown[],
  toolCalls: readonly ToolCall[],
  model: string,
): { readonly kept?: KeptThoughts } {
  const items = output.filter(
    (item) => textAt(item, "type") === "reasoning" && textAt(item, "encrypted_content") !== "",
  );
  return items.length === 0 || toolCalls.length === 0 ? {} : { kept: { provider: "openai-responses", model, items } };
}
