// A tool call and what is written of it: that it begins, and what became of it.
import { digestText } from "../../contracts/canonical.ts";
import { type FailureRecord, failureRecord, mayHaveHappened, TransientFailure } from "../../contracts/failure.ts";
import type { StepRecord, ToolResult } from "../../contracts/step.ts";
import type { ToolProgress } from "../../contracts/tool-progress.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { CarriedLabel } from "../../policies/request.ts";
import type { ToolAnswer, ToolCallContext } from "../tools/tool.ts";
import { boundValue } from "./bound.ts";
import { labelled, labelsOfCall } from "./carried.ts";
import { within } from "./deadline.ts";
import { failureData, messageOf, sinceMs, stepOf } from "./effect.ts";
import type { ToolGrant } from "./grant.ts";
import { type KeptArtifact, type Shortened, shorten } from "./overflow.ts";
import type { ProgressLog } from "./progress-log.ts";
import type { QuestionLog } from "./question-log.ts";

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
    ...(grant.resumes === undefined ? {} : { resumes: true }),
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

/** Of what happens while a call is at work. */
interface Logs {
  readonly progress: Pick<ProgressLog, "tell">;
  readonly questions: Pick<QuestionLog, "note">;
}

export function runTool(grant: ToolGrant, { progress, questions }: Logs, signal: AbortSignal): Promise<ToolAnswer> {
  const { tool, call, step, idempotencyKey, journal, artifacts, resumes } = grant;
  const checkLease = (): void => journal.recorder.checkLease();
  const limit = { ms: tool.timeoutMs, what: `tool \`${tool.definition.name}\`` };
  const keep = artifacts === undefined ? {} : { keepBytes: artifacts.resultBytes };
  const context: Omit<ToolCallContext, "signal"> = {
    step,
    idempotencyKey,
    checkLease,
    onProgress: (told) => progress.tell(told),
    noteElicited: (elicited) => questions.note(elicited),
    ...keep,
    ...(resumes === undefined ? {} : { resumes }),
  };
  return within(signal, limit, (either) => tool.call(call.arguments, { ...context, signal: either }));
}

/** Of a call that has ended. */
interface Past {
  readonly begunMs: number;
  /** What was told of it last. */
  readonly progress: ToolProgress | undefined;
}

export async function finishTool(
  grant: ToolGrant,
  from: ToolAnswer,
  { begunMs, progress }: Past,
): Promise<ToolOutcome> {
  const { journal, tool, decisionId } = grant;
  const labels = [...labelsOf(grant), ...(from.labels ?? [])];
  const { text, artifact } = await readableText(grant, from, labels);
  const result: ToolResult = { text, isError: from.isError, ...labelled(labels) };
  grant.carried.add(labels);
  const data = {
    tool: tool.definition.name,
    latencyMs: sinceMs(grant, begunMs),
    ...(progress === undefined ? {} : { progress }),
    resultBytes: Buffer.byteLength(result.text),
    resultDigest: digestText(result.text),
    ...artifactData(artifact),
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

/** What the model reads of it: all, or the head of what is kept. */
async function readableText(
  { tool, activation, step, artifacts, journal: { redactor } }: ToolGrant,
  { text, isError, overflow }: ToolAnswer,
  labels: readonly CarriedLabel[],
): Promise<Shortened> {
  // An error has words of ours before its text, which say what it is.
  if (overflow === undefined || artifacts === undefined || isError) return { text: redactor.text(text) };
  const facts = { tool: tool.definition.name, from: `${activation} ${step}`, labels };
  return shorten({ redactor, artifacts, facts }, overflow);
}

function artifactData(artifact: KeptArtifact | undefined): Readonly<Record<string, unknown>> {
  if (artifact === undefined) return {};
  return { artifact: artifact.id, artifactBytes: artifact.bytes, artifactDigest: artifact.digest };
}

export async function failTool(grant: ToolGrant, error: unknown, { begunMs, progress }: Past): Promise<ToolOutcome> {
  const { journal, tool, step, decisionId } = grant;
  const name = tool.definition.name;
  const unknown = tool.effect === "write" && mayHaveHappened(error);
  // What a tool says of its failure is the tool's word, too.
  const labels = labelsOf(grant);
  grant.carried.add(labels);
  const data = {
    tool: name,
    ...failureData(grant, error, begunMs),
    ...(progress === undefined ? {} : { progress }),
    effectUnknown: unknown,
    decisionId,
  };
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
