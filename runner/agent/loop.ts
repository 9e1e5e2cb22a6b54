// The agent loop: the model answers, its tool calls are made in order, their results go back, until it has no more calls.
import type { Denial } from "../../contracts/decision.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { modelStepId, type ToolCall } from "../../contracts/step.ts";
import type { ModelMessage } from "../models/model.ts";
import { assistantMessage, openingMessage, toolMessage, withUniqueIds } from "./conversation.ts";
import type { AgentDesk } from "./desk.ts";
import { settleOutput } from "./output.ts";
import { type UnknownUse, useTool } from "./tool-use.ts";
import { takeTurn } from "./turn.ts";

export type AgentEnd =
  | { readonly outcome: "done"; readonly text: string; readonly turns: number }
  /** A hard stop: the task ends. */
  | { readonly outcome: "denied"; readonly denial: Denial }
  | UnknownUse;

/**
 * Steps that earlier attempts recorded are reused, so a takeover goes on in the middle of the conversation. Throws what
 * a model threw, MAX_STEPS, or the reason for which the signal was aborted.
 */
export async function runAgent(desk: AgentDesk): Promise<AgentEnd> {
  const messages: ModelMessage[] = [openingMessage(desk.input, desk.messages)];
  let repairs = 0;
  for (let turn = 1; turn <= desk.maxSteps; turn += 1) {
    desk.signal.throwIfAborted();
    const taken = await takeTurn(desk, turn, [...messages]);
    if (taken.outcome === "denied") return taken;
    const answer = withUniqueIds(taken.answer);
    messages.push(assistantMessage(answer));
    if (answer.toolCalls.length === 0) {
      const settled = settleOutput(desk, answer, repairs);
      if (settled.outcome === "done") return { outcome: "done", text: settled.text, turns: turn };
      messages.push(settled.message);
      if (settled.outcome === "go-on") continue;
      repairs += 1;
      await noteRepair(desk, turn, settled.why);
      continue;
    }
    const stopped = await callTools(desk, turn, answer.toolCalls, messages);
    if (stopped !== undefined) return stopped;
  }
  const message = `${desk.agent} still asked for tools after ${desk.maxSteps} turns (limits.max_steps)`;
  throw new PermanentFailure("MAX_STEPS", message);
}

/** Told once: a takeover that comes by again finds the next turn recorded. */
async function noteRepair(desk: AgentDesk, turn: number, why: string): Promise<void> {
  const step = modelStepId(turn + 1, 0);
  if (desk.steps.some((record) => record.step === step)) return;
  const data = { what: "output", inMs: 0, code: "OUTPUT_INVALID", message: desk.redact(why) };
  await desk.note("retry.scheduled", data, { turn: turn + 1, step });
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
