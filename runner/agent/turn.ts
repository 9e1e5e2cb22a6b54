// One turn of an agent: one answer of its model, or of one that it falls back to. Each try is a gated step of its own.
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { modelStepId, type StepRecord } from "../../contracts/step.ts";
import { checkAnswer } from "./answer-check.ts";
import type { AgentDesk, ModelChoice } from "./desk.ts";
import { findModelStep } from "./ladder.ts";
import { type Asking, type Turn, tryModel } from "./try-model.ts";

/**
 * Throws what the models threw when no try is left, what is wrong with an answer that must not be acted on, or the reason
 * for which the signal was aborted.
 */
export async function takeTurn(desk: AgentDesk, turn: number, messages: Asking["messages"]): Promise<Turn> {
  const step = findModelStep(desk.steps, turn);
  const taken: Turn =
    step.do === "reuse"
      ? { outcome: "answered", answer: step.answer }
      : await askInOrder(desk, { turn, messages, retry: step.retry });
  if (taken.outcome !== "answered") return taken;
  const denied = await desk.gate.afterModel({ turn, model: taken.answer.model });
  if (denied !== undefined) return { outcome: "denied", denial: denied.denial };
  checkAnswer(desk.agent, taken.answer);
  return taken;
}

async function askInOrder(desk: AgentDesk, asking: Asking): Promise<Turn> {
  const failures: unknown[] = [];
  const last = lastTry(desk, asking.turn);
  const choices = desk.models.slice(firstToAsk(desk, last));
  let { retry } = asking;
  for (const [position, choice] of choices.entries()) {
    const taken = await tryModel(desk, choice, { ...asking, retry });
    if (taken.outcome !== "failed") return taken;
    if (!isOfEndpoint(taken.error)) throw taken.error;
    // What a person was asked about is theirs to answer: another model may not take its place because this one rests.
    if (position === 0 && last?.state === "decided" && isResting(taken.error)) throw taken.error;
    retry = taken.retry;
    failures.push(taken.error);
    const next = choices[position + 1];
    if (next !== undefined) await noteFallback(desk, { turn: asking.turn, retry }, [choice, next], taken.error);
  }
  throw failures.find((error) => error instanceof TransientFailure) ?? failures[0];
}

function lastTry({ steps }: AgentDesk, turn: number): StepRecord | undefined {
  const tries = steps.filter(({ step }) => step === `m${turn}` || step.startsWith(`m${turn}.r`));
  return tries.toSorted((a, b) => a.step.length - b.step.length || (a.step < b.step ? -1 : 1)).at(-1);
}

/** Where a runner was lost in the middle of a call, or a person was asked about one, it goes on with the same model. */
function firstToAsk({ models }: AgentDesk, last: StepRecord | undefined): number {
  if (last?.state !== "started" && last?.state !== "decided") return 0;
  return Math.max(
    0,
    models.findIndex(({ endpoint }) => endpoint === last.endpoint),
  );
}

function isResting(error: unknown): boolean {
  return error instanceof TransientFailure && error.code === "MODEL_CIRCUIT_OPEN";
}

/** Another model may do better where the endpoint is ill or cannot be used; a request that is wrong is wrong everywhere. */
function isOfEndpoint(error: unknown): boolean {
  if (!(error instanceof TransientFailure || error instanceof PermanentFailure)) return false;
  return /^(MODEL|SECRET|DEFINITION)_/.test(error.code) && error.code !== "MODEL_BAD_REQUEST";
}

async function noteFallback(
  desk: AgentDesk,
  { turn, retry }: Pick<Asking, "turn" | "retry">,
  [from, to]: readonly [ModelChoice, ModelChoice],
  error: unknown,
): Promise<void> {
  const { code, message } = error instanceof PermanentFailure || error instanceof TransientFailure ? error : BUG;
  const data = { what: "fallback", from: from.endpoint, to: to.endpoint, inMs: 0, code, message: desk.redact(message) };
  await desk.note("retry.scheduled", data, { turn, step: modelStepId(turn, retry) });
}

const BUG = { code: "BUG", message: "" };
