// Our messages as the Messages API wants them: blocks, no empty texts, all results of one turn in one user message.
import type { ContentBlockParam, MessageParam } from "@anthropic-ai/sdk/resources/messages/messages.js";
import type { KeptThoughts } from "../../../contracts/step.ts";
import type { ModelMessage, ModelRequest } from "../model.ts";
import type { ToolNames } from "../tool-names.ts";

/** The API refuses a text block without text. */
const NOTHING = "(nothing)";

/** Neighbours of one role are joined: the API wants the results of parallel calls together, before any text. */
export function toAnthropicMessages(
  { messages, model }: Pick<ModelRequest, "messages" | "model">,
  names: ToolNames,
): MessageParam[] {
  const joined: { role: "user" | "assistant"; content: ContentBlockParam[] }[] = [];
  for (const message of messages) {
    const role = message.role === "assistant" ? "assistant" : "user";
    const last = joined.at(-1);
    if (last?.role === role) last.content.push(...blocksOf(message, model, names));
    else joined.push({ role, content: blocksOf(message, model, names) });
  }
  return joined;
}

function blocksOf(message: ModelMessage, model: string, names: ToolNames): ContentBlockParam[] {
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
      const said = message.text === "" && calls.length > 0 ? [] : [textBlock(message.text)];
      return [...thoughtsOf(message.kept, model), ...said, ...calls];
    }
  }
}

/** Signed for one model: another one refuses them. */
function thoughtsOf(kept: KeptThoughts | undefined, model: string): ContentBlockParam[] {
  const isOwn = kept !== undefined && kept.provider === "anthropic" && kept.model === model;
  return isOwn ? (kept.items as ContentBlockParam[]) : [];
}

function textBlock(text: string): ContentBlockParam {
  return { type: "text", text: text.trim() === "" ? NOTHING : text };
}
