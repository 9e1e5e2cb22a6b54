// Our messages as chat completions want them.
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions.js";
import type { ModelMessage, ModelRequest } from "../../model.ts";
import type { ToolNames } from "../../tool-names.ts";

export function toOpenAIMessages({ system, messages }: ModelRequest, names: ToolNames): ChatCompletionMessageParam[] {
  const said = messages.map((message) => toOpenAIMessage(message, names));
  return system === "" ? said : [{ role: "system", content: system }, ...said];
}

function toOpenAIMessage(message: ModelMessage, names: ToolNames): ChatCompletionMessageParam {
  switch (message.role) {
    case "user":
      return { role: "user", content: message.text };
    // The protocol has no mark for a failed call: the words have to tell.
    case "tool":
      return {
        role: "tool",
        tool_call_id: message.callId,
        content: message.isError ? `ERROR: ${message.text}` : message.text,
      };
    case "assistant": {
      const calls = message.toolCalls.map((call) => ({
        id: call.id,
        type: "function" as const,
        function: { name: names.toProvider(call.tool), arguments: JSON.stringify(call.arguments) },
      }));
      return calls.length === 0
        ? { role: "assistant", content: message.text }
        : { role: "assistant", content: message.text === "" ? null : message.text, tool_calls: calls };
    }
  }
}
