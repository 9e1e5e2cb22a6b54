// The agent loop: the model answers, its tool calls are made in order, their results go back, until it has no more calls.
import type { Denial } from "../../contracts/decision.ts";
import { type FailureRecord, PermanentFailure } from "../../contracts/failure.ts";
import { type ModelAnswer, type ToolCall, type ToolResult, toolStepId } from "../../contracts/step.ts";
import type { ModelMessage } from "../models/model.ts";
import { assistantMessage, openingMessage, toolMessage, withUniqueIds } from "./conversation.ts";
import type { AgentDesk } from "./desk.ts";
import { findToolStep } from "./ladder.ts";
import { takeTurn } from "./turn.ts";

export type AgentEnd =
  | { readonly outcome: "done"; readonly text: string; readonly turns: number }
  /** A hard stop: the task ends. */
  | { readonly outcome: "denied"; readonly denial: Denial }
  /** A write may have happened: a person must say. `failure`: what came instead of its result; a takeover has none. */
  | { readonly outcome: "unknown"; readonly step: string; readonly tool: string; readonly failure?: FailureRecord };

/**
 * Steps that earlier attempts recorded are reused, so a takeover goes on in the middle of the conversation. Throws what
 * a model threw, MAX_STEPS, or the reason for which the signal was aborted.
 */
export async function runAgent(desk: AgentDesk): Promise<AgentEnd> {
  const messages: ModelMessage[] = [openingMessage(desk.input, desk.messages)];
  for (let turn = 1; turn <= desk.maxSteps; turn += 1) {
    desk.signal.throwIfAborted();
    const taken = await takeTurn(desk, turn, [...messages]);
    if (taken.outcome === "denied") return taken;
    const answer = withUniqueIds(taken.answer);
    if (answer.toolCalls.length === 0) return finish(desk, answer, turn);
    messages.push(assistantMessage(answer));
    const stopped = await callTools(desk, turn, answer.toolCalls, messages);
    if (stopped !== undefined) return stopped;
  }
  const message = `${desk.agent} still asked for tools after ${desk.maxSteps} turns (limits.max_steps)`;
  throw new PermanentFailure("MAX_STEPS", message);
}

function finish(desk: AgentDesk, { text, finishReason }: ModelAnswer, turns: number): AgentEnd {
  if (finishReason === "refusal")
    throw new PermanentFailure("MODEL_REFUSED", `the model of ${desk.agent} refused: ${text}`);
  if (text.trim() === "") throw new PermanentFailure("MODEL_EMPTY", `the model of ${desk.agent} answered nothing`);
  return { outcome: "done", text, turns };
}

/** Adds the results to `messages`, in the order of the calls; answers an end where the agent must not go on. */
async function callTools(
  desk: AgentDesk,
  turn: number,
  calls: readonly ToolCall[],
  messages: ModelMessage[],
): Promise<AgentEnd | undefined> {
  for (const [position, call] of calls.entries()) {
    const used = await useTool(desk, turn, position + 1, call);
    if (used.outcome !== "result") return used;
    messages.push(toolMessage(call, used.result));
  }
  return undefined;
}

type ToolUse = { readonly outcome: "result"; readonly result: ToolResult } | Exclude<AgentEnd, { outcome: "done" }>;

async function useTool(desk: AgentDesk, turn: number, index: number, call: ToolCall): Promise<ToolUse> {
  const step = toolStepId(turn, index);
  const found = findToolStep(desk.steps, step);
  if (found.do === "reuse") return { outcome: "result", result: found.result };
  const unknown = { outcome: "unknown", step, tool: call.tool } as const;
  const used = found.do === "ask-person" ? unknown : await callTool(desk, turn, index, call);
  return used.outcome === "unknown" ? settleUnknown(desk, used, () => callTool(desk, turn, index, call)) : used;
}

async function callTool(desk: AgentDesk, turn: number, index: number, call: ToolCall): Promise<ToolUse> {
  desk.signal.throwIfAborted();
  const permission = await desk.gate.requestTool({ turn, index, call });
  switch (permission.outcome) {
    case "invalid":
      return { outcome: "result", result: permission.result };
    case "denied":
      if (permission.stop) return { outcome: "denied", denial: permission.denial };
      return { outcome: "result", result: permission.result };
    case "permitted": {
      const called = await desk.gate.callTool(permission.permit, desk.signal);
      return called.outcome === "unknown" ? called : { outcome: "result", result: called.result };
    }
  }
}

/** A write that may have happened stops for a person, unless its manifest says otherwise. It is tried again once only. */
async function settleUnknown(
  desk: AgentDesk,
  unknown: Extract<AgentEnd, { outcome: "unknown" }>,
  again: () => Promise<ToolUse>,
): Promise<ToolUse> {
  const { tool, step } = unknown;
  switch (desk.onUnknown(tool)) {
    case "stop":
      return unknown;
    case "retry":
      return again();
    case "fail":
      throw new PermanentFailure(
        "EFFECT_UNKNOWN",
        `nobody knows whether the call of ${tool} (${step}) happened (on_unknown: fail)`,
      );
  }
}
