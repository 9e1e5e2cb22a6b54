// The agent loop: the model answers, its tool calls are made in order, their results go back, until it has no more calls.
import type { Denial } from "../../contracts/decision.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { type ModelAnswer, modelStepId } from "../../contracts/step.ts";
import type { ModelMessage } from "../models/model.ts";
import { assistantMessage, openingMessage, withUniqueIds } from "./conversation.ts";
import type { AgentDesk } from "./desk.ts";
import { type Settled, settleOutput, settleToolOutput } from "./output.ts";
import { PastCalls } from "./past-calls.ts";
import { callTools } from "./tool-turn.ts";
import type { UnknownUse } from "./tool-use.ts";
import { takeTurn } from "./turn.ts";

export type AgentEnd =
  /** `missing`: what a contract that is only observed was not kept in. */
  | { readonly outcome: "done"; readonly text: string; readonly turns: number; readonly missing: readonly string[] }
  /** A hard stop: the task ends. */
  | { readonly outcome: "denied"; readonly denial: Denial }
  /** A person has to approve a call or a turn first: until then nobody has to hold the activation. */
  | { readonly outcome: "waiting"; readonly approval: string }
  | UnknownUse;

/**
 * Steps that earlier attempts recorded are reused, so a takeover goes on in the middle of the conversation. Throws what
 * a model threw, MAX_STEPS, or the reason for which the signal was aborted.
 */
export async function runAgent(desk: AgentDesk): Promise<AgentEnd> {
  const messages: ModelMessage[] = [openingMessage(desk.input, desk.messages)];
  const past = new PastCalls();
  let repairs = 0;
  for (let turn = 1; turn <= desk.maxSteps; turn += 1) {
    desk.signal.throwIfAborted();
    const taken = await takeTurn(desk, turn, [...messages]);
    if (taken.outcome !== "answered") return taken;
    const answer = withUniqueIds(taken.answer);
    messages.push(assistantMessage(answer));
    const settled = await settleAnswer(desk, turn, answer, { messages, past, repairs });
    if (settled.outcome === "done") return { ...settled, turns: turn };
    if (settled.outcome === "denied" || settled.outcome === "unknown" || settled.outcome === "waiting") return settled;
    if (settled.outcome === "answered") continue;
    messages.push(settled.message);
    if (settled.outcome === "go-on") continue;
    repairs += 1;
    await noteRepair(desk, turn, settled.why);
  }
  const message = `${desk.agent} was not done after ${desk.maxSteps} turns (limits.max_steps)`;
  throw new PermanentFailure("MAX_STEPS", message);
}

interface Talk {
  readonly messages: ModelMessage[];
  readonly past: PastCalls;
  readonly repairs: number;
}

type Answered = Settled | { readonly outcome: "answered" } | Exclude<AgentEnd, { outcome: "done" }>;

async function settleAnswer(desk: AgentDesk, turn: number, answer: ModelAnswer, talk: Talk): Promise<Answered> {
  if (answer.toolCalls.length === 0) return settleOutput(desk, answer, talk.past.answered, talk.repairs);
  const called = await callTools(desk, turn, answer.toolCalls, talk);
  return called.outcome === "output" ? settleToolOutput(desk, called.text, talk.past.answered) : called;
}

/** Told once: a takeover that comes by again finds the next turn recorded. */
async function noteRepair(desk: AgentDesk, turn: number, why: string): Promise<void> {
  const step = modelStepId(turn + 1, 0);
  if (desk.steps.some((record) => record.step === step)) return;
  const data = { what: "output", inMs: 0, code: "OUTPUT_INVALID", message: desk.redact(why) };
  await desk.note("retry.scheduled", data, { turn: turn + 1, step });
}
