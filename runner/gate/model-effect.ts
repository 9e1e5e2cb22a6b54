// What is written of a model call: that it begins, and what became of it, with the tokens that it cost.
import { digestText } from "../../contracts/canonical.ts";
import { mayHaveHappened, TransientFailure } from "../../contracts/failure.ts";
import type { KeptThoughts, ModelAnswer, StepRecord } from "../../contracts/step.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import { costUsd } from "../models/price.ts";
import { boundText } from "./bound.ts";
import { cleanCall } from "./clean-call.ts";
import { failureData, sinceMs, stepOf } from "./effect.ts";
import type { ModelGrant } from "./grant.ts";
import { microUsdOf } from "./judge.ts";
import type { RecordChange } from "./recorder.ts";
import type { Redactor } from "./redact.ts";
import { ESTIMATED, NOTHING_USED, settlementOf } from "./shared-budgets.ts";

/** To be written with the decision, before the call. */
export function modelBeginning(grant: ModelGrant): { readonly draft: TraceDraft; readonly step: StepRecord } {
  const { journal, request, model, endpoint, decisionId, reservedTokens } = grant;
  const data = {
    model: request.model,
    provider: model.provider,
    ...named(endpoint),
    reservedTokens,
    messages: request.messages.length,
    tools: request.tools.map((tool) => tool.name),
    decisionId,
  };
  return {
    draft: journal.draft("model.called", data),
    step: { state: "started", reservedTokens, ...named(endpoint), ...stepOf(grant) },
  };
}

/**
 * It rides with the next record: whatever follows from the answer is written, in one piece with it, before it has an
 * effect. What was used of shared ledgers is settled with it at once, for others wait for the room.
 */
export async function finishModel(grant: ModelGrant, from: ModelAnswer, begunMs: number): Promise<ModelAnswer> {
  const { journal, price, decisionId, reservedTokens: reserved, reservedMicroUsd, reservation } = grant;
  const answer = cleanAnswer(grant, from);
  const { inputTokens, outputTokens, model, provider, finishReason, stopReason, text, toolCalls } = answer;
  const cost = costUsd(price, answer);
  const calls = toolCalls.map(({ id, tool }) => ({ id, tool: boundText(tool, journal.redactor) }));
  const data = {
    inputTokens,
    outputTokens,
    ...cachedOf(answer),
    latencyMs: sinceMs(grant, begunMs),
    model,
    provider,
    ...named(grant.endpoint),
    finishReason,
    ...(stopReason === undefined ? {} : { stopReason }),
    costUsd: cost,
    toolCalls: calls,
    textBytes: Buffer.byteLength(text),
    textDigest: digestText(text),
    decisionId,
  };
  const drafts = [journal.draft("model.answered", data)];
  const change: RecordChange = {
    step: { state: "done", model: answer, ...stepOf(grant) },
    charge: { kind: "settle", reserved, reservedMicroUsd, inputTokens, outputTokens, costUsd: cost },
    ...settlementOf(reservation, { tokens: inputTokens + outputTokens, microUsd: microUsdOf(cost) }),
  };
  if (change.shared === undefined) journal.recorder.defer(drafts, change);
  else await journal.recorder.record(drafts, change);
  return answer;
}

export async function failModel(grant: ModelGrant, error: unknown, begunMs: number): Promise<void> {
  const { journal, request, model, decisionId, reservedTokens, reservedMicroUsd, reservation } = grant;
  const charged = mayHaveCost(error);
  const data = {
    model: request.model,
    provider: model.provider,
    ...failureData(grant, error, begunMs),
    reservedTokens: charged ? reservedTokens : 0,
    decisionId,
  };
  const ended: RecordChange = charged
    ? { step: { ...stepOf(grant), state: "failed", reservedTokens } }
    : {
        step: { ...stepOf(grant), state: "failed" },
        charge: { kind: "release", reserved: reservedTokens, reservedMicroUsd },
      };
  const settled = settlementOf(reservation, charged ? ESTIMATED : NOTHING_USED);
  await journal.recorder.record([journal.draft("model.failed", data)], { ...ended, ...settled });
}

/** Refused before any work: a bad key, a bad request, a rate limit, nobody there. All else may have been billed. */
function mayHaveCost(error: unknown): boolean {
  return mayHaveHappened(error) && !(error instanceof TransientFailure && error.code === "MODEL_RATE_LIMITED");
}

function named(endpoint: string | undefined): { readonly endpoint?: string } {
  return endpoint === undefined ? {} : { endpoint };
}

function cachedOf({ cacheReadTokens, cacheWriteTokens }: ModelAnswer): Readonly<Record<string, number>> {
  return {
    ...(cacheReadTokens === undefined ? {} : { cacheReadTokens }),
    ...(cacheWriteTokens === undefined ? {} : { cacheWriteTokens }),
  };
}

/** The answer goes on as it is recorded, so that a takeover reads what the first holder read. */
function cleanAnswer({ journal, reservedTokens }: ModelGrant, answer: ModelAnswer): ModelAnswer {
  const { redactor } = journal;
  const { kept, stopReason, ...plain } = answer;
  const toolCalls = answer.toolCalls.map((call) => cleanCall(call, redactor));
  return {
    ...plain,
    ...reportedTokens(answer, reservedTokens),
    text: redactor.text(answer.text),
    model: boundText(answer.model, redactor),
    toolCalls,
    ...(stopReason === undefined ? {} : { stopReason: boundText(stopReason, redactor) }),
    ...(kept === undefined || isRevealing(kept, redactor) ? {} : { kept }),
  };
}

/** Signed thoughts cannot be redacted: where a secret stands in them, they are dropped. */
function isRevealing(kept: KeptThoughts, redactor: Redactor): boolean {
  return JSON.stringify(redactor.value(kept.items)) !== JSON.stringify(kept.items);
}

/** The ledger holds whole numbers: where a provider reports something else, the reservation is what was spent. */
function reportedTokens(answer: ModelAnswer, reserved: number): Pick<ModelAnswer, "inputTokens" | "outputTokens"> {
  const { inputTokens, outputTokens } = answer;
  const whole = [inputTokens, outputTokens].every((count) => Number.isSafeInteger(count) && count >= 0);
  return whole ? { inputTokens, outputTokens } : { inputTokens: reserved, outputTokens: 0 };
}
