// A tool call and what is written of it: that it begins, and what became of it.
import { digestText } from "../../contracts/canonical.ts";
import { type FailureRecord, failureRecord, mayHaveHappened, TransientFailure } from "../../contracts/failure.ts";
import type { StepRecord, ToolResult } from "../../contracts/step.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { CarriedLabel } from "../../policies/request.ts";
import { boundValue } from "./bound.ts";
import { labelled, labelsOfCall } from "./carried.ts";
import { within } from "./deadline.ts";
import { failureData, messageOf, sinceMs, stepOf } from "./effect.ts";
import type { ToolGrant } from "./grant.ts";

export type ToolOutcome =
  /** `result` is what the model reads; where the tool gave none, it says so (`isError`). */
  | {
      readonly outcome: "answered";
      readonly result: ToolResult;
      /** It failed without an effect that matters, in a way that may pass; never set for a write that may have happened. */
      readonly retryable?: true;
      readonly retryAfterMs?: number;
    }
  /** A write may have happened and nobody knows: the step stays `started`, and a person must say. */
  | { readonly outcome: "unknown"; readonly step: string; readonly tool: string; readonly failure: FailureRecord };

/** To be written with the decision, before the call. */
export function toolBeginning(grant: ToolGrant): { readonly draft: TraceDraft; readonly step: StepRecord } {
  const { journal, tool, call, argumentsDigest, decisionId, idempotencyKey } = grant;
  const data = {
    tool: tool.definition.name,
    callId: call.id,
    definitionDigest: tool.definitionDigest,
    effect: tool.effect,
    arguments: boundValue(call.arguments, journal.redactor),
    argumentsDigest,
    idempotencyKey,
    decisionId,
  };
  return {
    draft: journal.draft("tool.called", data),
    step: { state: "started", effect: tool.effect, ...stepOf(grant), ...labelled(labelsOf(grant)) },
  };
}

/** Of whatever the tool returns. */
function labelsOf({ activation, step, tool }: ToolGrant): readonly CarriedLabel[] {
  return labelsOfCall(tool, `${activation} ${step}`);
}

export function runTool({ tool, call, idempotencyKey, journal }: ToolGrant, signal: AbortSignal): Promise<ToolResult> {
  const checkLease = (): void => journal.recorder.checkLease();
  const limit = { ms: tool.timeoutMs, what: `tool \`${tool.definition.name}\`` };
  return within(signal, limit, (either) => tool.call(call.arguments, { idempotencyKey, signal: either, checkLease }));
}

export async function finishTool(grant: ToolGrant, from: ToolResult, begunMs: number): Promise<ToolOutcome> {
  const { journal, tool, decisionId } = grant;
  const labels = [...labelsOf(grant), ...(from.labels ?? [])];
  const result: ToolResult = { text: journal.redactor.text(from.text), isError: from.isError, ...labelled(labels) };
  grant.carried.add(labels);
  const data = {
    tool: tool.definition.name,
    latencyMs: sinceMs(grant, begunMs),
    resultBytes: Buffer.byteLength(result.text),
    resultDigest: digestText(result.text),
    isError: result.isError,
    ...(labels.length === 0 ? {} : { labels: [...new Set(labels.map(({ label }) => label))] }),
    decisionId,
  };
  const step: StepRecord = { state: "done", effect: tool.effect, tool: result, ...stepOf(grant) };
  const answered = journal.draft("tool.answered", data);
  // The result of a write is written at once: lost, it would need a person. Any other call can be repeated, and its result
  // rides with the next record.
  if (tool.effect === "write") await journal.recorder.record([answered], { step });
  else journal.recorder.defer([answered], { step });
  return { outcome: "answered", result };
}

export async function failTool(grant: ToolGrant, error: unknown, begunMs: number): Promise<ToolOutcome> {
  const { journal, tool, step, decisionId } = grant;
  const name = tool.definition.name;
  const unknown = tool.effect === "write" && mayHaveHappened(error);
  // What a tool says of its failure is the tool's word, too.
  const labels = labelsOf(grant);
  grant.carried.add(labels);
  const data = { tool: name, ...failureData(grant, error, begunMs), effectUnknown: unknown, decisionId };
  const draft = journal.draft("tool.failed", data);
  const failure = { code: failureRecord(error).code, message: messageOf(grant, error) };
  if (unknown) {
    await journal.recorder.record([draft]);
    return { outcome: "unknown", step, tool: name, failure };
  }
  const result: ToolResult = { text: `${failure.code}: ${failure.message}`, isError: true, ...labelled(labels) };
  const retryable = error instanceof TransientFailure ? { retryable: true as const } : {};
  const ended: StepRecord = { ...stepOf(grant), state: "failed", effect: tool.effect, tool: result, ...retryable };
  await journal.recorder.record([draft], { step: ended });
  const asked = error instanceof TransientFailure ? error.retryAfterMs : undefined;
  return { outcome: "answered", result, ...retryable, ...(asked === undefined ? {} : { retryAfterMs: asked }) };
}
