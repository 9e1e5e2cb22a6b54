// Our messages as items of the Responses API.
import type { ResponseInputItem } from "openai/resources/responses/responses.js";
import type { KeptThoughts } from "../../../../contracts/step.ts";
import type { ModelMessage, ModelRequest } from "../../model.ts";
import type { ToolNames } from "../../tool-names.ts";

export function toItems({ messages, model }: ModelRequest, names: ToolNames): ResponseInputItem[] {
  return messages.flatMap((message) => itemsOf(message, model, names));
}

function itemsOf(message: ModelMessage, model: string, names: ToolNames): ResponseInputItem[] {
  switch (message.role) {
    case "user":
      return [{ role: "user", content: message.text }];
    // The protocol has no mark for a failed call: the words have to tell.
    case "tool": {
      const output = message.isError ? `ERROR: ${message.text}` : message.text;
      return [{ type: "function_call_output", call_id: message.callId, output }];
    }
    case "assistant": {
      const calls = message.toolCalls.map((call) => ({
        type: "function_call" as const,
        call_id: call.id,
        name: names.toProvider(call.tool),
        arguments: JSON.stringify(call.arguments),
      }));
      const said = message.text === "" ? [] : [{ role: "assistant" as const, content: message.text }];
      return [...thoughtsOf(message.kept, model), ...said, ...calls];
    }
  }
}

/** Encrypted for one model: another one refuses them. */
function thoughtsOf(kept: KeptThoughts | undefined, model: string): ResponseInputItem[] {
  const isOwn = kept !== undefined && kept.provider === "openai-responses" && kept.model === model;
  return isOwn ? (kept.items as ResponseInputItem[]) : [];
}
