// The tool calls of one answer: made in order, repeated ones not again, until one of them ends the agent's work.
import { type ToolCall, type ToolResult, toolStepId } from "../../contracts/step.ts";
import type { RepeatedCall } from "../gate/ask.ts";
import type { ModelMessage } from "../models/model.ts";
import { toolMessage } from "./conversation.ts";
import type { AgentDesk } from "./desk.ts";
import { type Execution, hasCalledAll } from "./execution.ts";
import type { PastCall, PastCalls } from "./past-calls.ts";
import { type Place, type ToolUse, useTool } from "./tool-use.ts";

export type ToolTurn =
  | { readonly outcome: "answered" }
  /** `stop_on_first_tool`: this is the agent's output. */
  | { readonly outcome: "output"; readonly text: string }
  | Exclude<ToolUse, { outcome: "result" }>;

/** Adds the results to `messages`, in the order of the calls. */
export async function callTools(
  desk: AgentDesk,
  turn: number,
  calls: readonly ToolCall[],
  talk: { readonly messages: ModelMessage[]; readonly past: PastCalls },
): Promise<ToolTurn> {
  for (const [position, call] of calls.entries()) {
    const used = await useOnce(desk, { turn, index: position + 1, call }, talk.past);
    if (used.outcome !== "result") return used;
    talk.messages.push(toolMessage(call, used.result));
    if (isOutput(desk.execution, used.result, talk.past)) return { outcome: "output", text: used.result.text };
  }
  return { outcome: "answered" };
}

function isOutput({ stopOnFirstTool, contract }: Execution, { isError }: ToolResult, { answered }: PastCalls): boolean {
  return stopOnFirstTool && !isError && hasCalledAll(contract, answered);
}

/** A repeated call passes the gate like any other, which may deny it by now; allowed, it is answered and not made. */
async function useOnce(desk: AgentDesk, place: Place, past: PastCalls): Promise<ToolUse> {
  const { call, turn, index } = place;
  const { duplicates } = desk.execution;
  const earlier = duplicates === "allow" ? undefined : past.find(call);
  const repeats = earlier === undefined ? {} : { repeats: repeatedAnswer(earlier, duplicates === "deny") };
  const used = await readable(desk, place, await useTool(desk, { ...place, ...repeats }));
  if (used.outcome === "result" && earlier === undefined) {
    past.keep(call, toolStepId(turn, index), used.result, desk.toolRules(call.tool).effect);
  }
  return used;
}

/** A result that the agent may not read is withheld: a denial stands in its place. */
async function readable(desk: AgentDesk, place: Place, used: ToolUse): Promise<ToolUse> {
  if (used.outcome !== "result") return used;
  const denied = await desk.gate.afterTool(place);
  if (denied === undefined) return used;
  return denied.stop ? { outcome: "denied", denial: denied.denial } : { outcome: "result", result: denied.result };
}

function repeatedAnswer({ step, result }: PastCall, denied: boolean): RepeatedCall {
  const told = `${result.text}\n[the answer of ${step}: the same call was made before, and was not made again]`;
  const refused = `DUPLICATE_TOOL_CALL: ${step} was the same call, and its answer stands above.`;
  return { step, result: { text: denied ? refused : told, isError: denied } };
}
