// What a model is told: the agent's prompt, the task's input, what the agents before it said, and the turns so far. Pure.
import type { ModelAnswer, ToolCall, ToolResult } from "../../contracts/step.ts";
import type { Message } from "../../contracts/task.ts";
import type { ModelMessage } from "../models/model.ts";

/** Some providers refuse an empty first message. */
const NOTHING_GIVEN = "Begin.";

/** The same input and messages make the same text, so that a takeover goes on in the same conversation. */
export function openingMessage(input: Readonly<Record<string, string>>, messages: readonly Message[]): ModelMessage {
  const given = Object.entries(input)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value}`);
  const sections = [
    ...(given.length === 0 ? [] : [`Task input:\n${given.join("\n")}`]),
    ...messages.map(({ from, text }) => `Output of ${from}:\n${text}`),
  ];
  return { role: "user", text: sections.length === 0 ? NOTHING_GIVEN : sections.join("\n\n") };
}

/** Providers refuse a conversation in which two calls share an id, and a model may well send one. */
export function withUniqueIds(answer: ModelAnswer): ModelAnswer {
  const seen = new Set<string>();
  const toolCalls = answer.toolCalls.map((call, index) => {
    const id = call.id !== "" && !seen.has(call.id) ? call.id : `${call.id || "call"}_${index + 1}`;
    seen.add(id);
    return { ...call, id };
  });
  return { ...answer, toolCalls };
}

export function assistantMessage({ text, toolCalls, kept }: ModelAnswer): ModelMessage {
  return { role: "assistant", text, toolCalls, ...(kept === undefined ? {} : { kept }) };
}

export function toolMessage(call: ToolCall, result: ToolResult): ModelMessage {
  return { role: "tool", callId: call.id, tool: call.tool, text: result.text, isError: result.isError };
}
