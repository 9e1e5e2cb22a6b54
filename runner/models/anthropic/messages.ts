// Our messages as the Messages API wants them: blocks, no empty texts, all results of one turn in one user message.
import type { ContentBlockParam, MessageParam } from "@anthropic-ai/sdk/resources/messages/messages.js";
import type { ModelMessage } from "../model.ts";
import type { ToolNames } from "../tool-names.ts";

/** The API refuses a text block without text. */
const NOTHING = "(nothing)";

/** Neighbours of one role are joined: the API wants the results of parallel calls together, before any text. */
export function toAnthropicMessages(messages: readonly ModelMessage[], names: ToolNames): MessageParam[] {
  const joined: { role: "user" | "assistant"; content: ContentBlockParam[] }[] = [];
  for (const message of messages) {
    const role = message.role === "assistant" ? "assistant" : "user";
    const last = joined.at(-1);
    if (last?.role === role) last.content.push(...blocksOf(message, names));
    else joined.push({ role, content: blocksOf(message, names) });
  }
  return joined;
}

function blocksOf(message: ModelMessage, names: ToolNames): ContentBlockParam[] {
  switch (message.role) {
    case "user":
      return [textBlock(message.text)];
    case "tool":
      return [
        {
          type: "tool_result",
          tool_use_id: message.callId,
          content: message.text || NOTHING,
          is_error: message.isError,
        },
      ];
    case "assistant": {
      const calls = message.toolCalls.map((call) => ({
        type: "tool_use" as const,
        id: call.id,
        name: names.toProvider(call.tool),
        input: call.arguments,
      }));
      return message.text === "" && calls.length > 0 ? calls : [textBlock(message.text), ...calls];
    }
  }
}

function textBlock(text: string): ContentBlockParam {
  return { type: "text", text: text.trim() === "" ? NOTHING : text };
}
