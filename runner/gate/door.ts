// The door: the only place that calls a model or a tool. It takes permits, which exist only for what the journal says has
// begun; what comes of the call is recorded before anything follows from it.
import type { ModelAnswer } from "../../contracts/step.ts";
import { unlessAborted } from "../unless-aborted.ts";
import type { ModelGrant, ToolGrant } from "./grant.ts";
import { failModel, finishModel } from "./model-effect.ts";
import { ModelPermit, ToolPermit } from "./permit.ts";
import { ProgressLog } from "./progress-log.ts";
import { QuestionLog } from "./question-log.ts";
import { redactFailure } from "./redact.ts";
import { failTool, finishTool, runTool, type ToolOutcome } from "./tool-effect.ts";

/**
 * Throws what the model threw, after writing it down. Where the signal is aborted it throws its reason and writes nothing:
 * the attempt is lost, and stays charged at its estimate.
 */
export async function callModel(permit: ModelPermit, signal: AbortSignal): Promise<ModelAnswer> {
  const grant = ModelPermit.redeem(permit);
  const begunMs = grant.journal.clock.monotonicMs();
  checkBefore(grant, signal);
  const called = await attempt(() => unlessAborted(() => grant.model.complete(grant.request, signal), signal));
  if (called.outcome === "returned") return await finishModel(grant, called.value, begunMs);
  signal.throwIfAborted();
  await failModel(grant, called.error, begunMs);
  throw redactFailure(called.error, grant.journal.redactor);
}

/** Throws only the signal's reason, and what the journal throws: a tool that fails is an answer to the model. */
export async function callTool(permit: ToolPermit, signal: AbortSignal): Promise<ToolOutcome> {
  const grant = ToolPermit.redeem(permit);
  const begunMs = grant.journal.clock.monotonicMs();
  checkBefore(grant, signal);
  const logs = { progress: new ProgressLog(grant, begunMs), questions: new QuestionLog(grant) };
  const called = await attempt(() => runTool(grant, logs, signal));
  const [progress] = await Promise.all([logs.progress.close(), logs.questions.close()]);
  const past = { begunMs, progress };
  if (called.outcome === "returned") return finishTool(grant, called.value, past);
  signal.throwIfAborted();
  return failTool(grant, called.error, past);
}

type Attempt<T> =
  | { readonly outcome: "returned"; readonly value: T }
  | { readonly outcome: "threw"; readonly error: unknown };

/** Keeps what an effect throws apart from what the journal throws. */
async function attempt<T>(effect: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { outcome: "returned", value: await effect() };
  } catch (error) {
    return { outcome: "threw", error };
  }
}

/** Nothing is awaited between this and the effect. */
function checkBefore({ journal }: ModelGrant | ToolGrant, signal: AbortSignal): void {
  journal.recorder.checkLease();
  signal.throwIfAborted();
}
