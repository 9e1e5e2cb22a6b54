// The tries of one model in one turn: through its breaker, through the gate, again after a wait where that may help.
import type { Denial } from "../../contracts/decision.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import { type ModelAnswer, modelStepId } from "../../contracts/step.ts";
import type { Entry } from "../breakers.ts";
import { circuitOpen, verdictOf } from "../circuit.ts";
import type { ModelAsk } from "../gate/ask.ts";
import type { ModelMessage } from "../models/model.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import { nextDelayMs } from "./backoff.ts";
import type { AgentDesk, AgentModel, ModelChoice } from "./desk.ts";

export type Turn =
  | { readonly outcome: "answered"; readonly answer: ModelAnswer }
  | { readonly outcome: "denied"; readonly denial: Denial }
  /** A person has to approve it first. */
  | { readonly outcome: "waiting"; readonly approval: string };

export interface Asking {
  readonly turn: number;
  /** Names the next try of this turn, whichever model it is of. */
  readonly retry: number;
  readonly messages: readonly ModelMessage[];
}

type Failed = { readonly outcome: "failed"; readonly error: unknown; readonly retry: number };

/** Throws only the reason for which the signal was aborted. `retry`: of the next try. */
export async function tryModel(desk: AgentDesk, choice: ModelChoice, asking: Asking): Promise<Turn | Failed> {
  let { retry } = asking;
  try {
    const model = await choice.open();
    for (let failures = 1; ; failures += 1) {
      const entry = await model.enter();
      if (entry.state === "open") throw circuitOpen(choice.endpoint, entry, desk.random());
      const ask = modelAsk(desk, choice, model, { ...asking, retry });
      retry += 1;
      const called = await callOnce(desk, ask, entry);
      if (called.outcome !== "failed") return called;
      await waitForNextTry(desk, ask, failures, called.error);
    }
  } catch (error) {
    desk.signal.throwIfAborted();
    return { outcome: "failed", error, retry };
  }
}

type Passage = Extract<Entry, { state: "may-call" }>;

async function callOnce(
  desk: AgentDesk,
  ask: ModelAsk,
  passage: Passage,
): Promise<Turn | { readonly outcome: "failed"; readonly error: unknown }> {
  try {
    const permission = await desk.gate.requestModel(ask);
    if (permission.outcome !== "permitted") {
      await passage.leave({ verdict: "none" });
      return permission;
    }
    const answer = await desk.gate.callModel(permission.permit, desk.signal);
    await passage.leave({ verdict: "alive" });
    return { outcome: "answered", answer };
  } catch (error) {
    await passage.leave(verdictOf(error, desk));
    desk.signal.throwIfAborted();
    return { outcome: "failed", error };
  }
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

function modelAsk(desk: AgentDesk, { endpoint }: ModelChoice, opened: AgentModel, asking: Asking): ModelAsk {
  const { model, name, maxOutputTokens, price, reach } = opened;
  const { agent, system, tools, output } = desk;
  const { turn, retry, messages } = asking;
  const schema = output === undefined ? {} : { outputSchema: output.schema };
  const request = { model: name, agent, turn, system, messages, tools, maxOutputTokens, ...schema };
  return { turn, retry, endpoint, model, price, request, ...(reach === undefined ? {} : { reach }) };
}
