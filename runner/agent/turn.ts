// One turn of an agent: one answer of its model, with the tries that it takes. Each try is a gated step of its own.
import type { Denial } from "../../contracts/decision.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import { type ModelAnswer, modelStepId } from "../../contracts/step.ts";
import type { ModelAsk } from "../gate/ask.ts";
import type { Gate } from "../gate/gate.ts";
import type { ModelMessage } from "../models/model.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import { nextDelayMs } from "./backoff.ts";
import type { AgentDesk } from "./desk.ts";
import { findModelStep } from "./ladder.ts";

export type Turn =
  | { readonly outcome: "answered"; readonly answer: ModelAnswer }
  | { readonly outcome: "denied"; readonly denial: Denial };

/** Throws what the model threw when no try is left, or the reason for which the signal was aborted. */
export async function takeTurn(desk: AgentDesk, turn: number, messages: readonly ModelMessage[]): Promise<Turn> {
  const step = findModelStep(desk.steps, turn);
  if (step.do === "reuse") return { outcome: "answered", answer: step.answer };
  for (let failures = 0; ; failures += 1) {
    const ask = modelAsk(desk, turn, step.retry + failures, messages);
    try {
      return await callOnce(desk.gate, ask, desk.signal);
    } catch (error) {
      desk.signal.throwIfAborted();
      await waitForNextTry(desk, ask, failures + 1, error);
    }
  }
}

async function callOnce(gate: Gate, ask: ModelAsk, signal: AbortSignal): Promise<Turn> {
  const permission = await gate.requestModel(ask);
  if (permission.outcome === "denied") return { outcome: "denied", denial: permission.denial };
  return { outcome: "answered", answer: await gate.callModel(permission.permit, signal) };
}

/** Throws the failure itself where it will not pass, or has not passed often enough. */
async function waitForNextTry(desk: AgentDesk, ask: ModelAsk, failures: number, error: unknown): Promise<void> {
  if (!(error instanceof TransientFailure)) throw error;
  const delayMs = nextDelayMs(desk.modelRetry, failures, error.retryAfterMs, desk.random());
  if (delayMs === undefined) throw error;
  const data = { what: "model", inMs: delayMs, code: error.code, message: error.message };
  await desk.note("retry.scheduled", data, { turn: ask.turn, step: modelStepId(ask.turn, ask.retry) });
  await waitUnlessAborted(delayMs, desk.signal);
}

function modelAsk(desk: AgentDesk, turn: number, retry: number, messages: readonly ModelMessage[]): ModelAsk {
  const { model, name, maxOutputTokens, price } = desk.model;
  const { agent, system, tools } = desk;
  return { turn, retry, model, price, request: { model: name, agent, turn, system, messages, tools, maxOutputTokens } };
}
