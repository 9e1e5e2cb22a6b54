// Embeddings that a tool needs while it is at work: a gated step of its call, decided, reserved, charged and traced as a
// turn is. Their vectors are no text, so the records hold none of them.
import { PermanentFailure } from "../../contracts/failure.ts";
import { type StepId, turnOfStep } from "../../contracts/step.ts";
import type { Embedder, EmbeddingAnswer } from "../models/embedder.ts";
import type { Model } from "../models/model.ts";
import { afterModel } from "./after.ts";
import type { Denied, GateOptions, ModelAsk } from "./ask.ts";
import { callModel } from "./door.ts";
import { requestModel } from "./model-request.ts";

export interface EmbedAsk extends Required<Pick<ModelAsk, "endpoint" | "price">>, Pick<ModelAsk, "reach"> {
  readonly step: StepId;
  readonly embedder: Embedder;
  /** What the provider calls it. */
  readonly model: string;
  readonly texts: readonly string[];
}

/**
 * Nobody is asked: the call that needs them was, or was allowed, and cannot wait half-way. What would have to be asked about
 * is denied.
 */
export async function embedTexts(options: GateOptions, ask: EmbedAsk, signal: AbortSignal): Promise<EmbeddingAnswer> {
  const { approvals: _, ...alone } = options;
  const { step, embedder, model: name, texts, endpoint, price, reach } = ask;
  const { model, taken } = asModel(embedder, texts);
  const turn = turnOfStep(step);
  const messages = texts.map((text) => ({ role: "user" as const, text }));
  const request = {
    model: name,
    agent: options.subject.agent,
    turn,
    system: "",
    messages,
    tools: [],
    maxOutputTokens: 0,
  };
  const asked = { turn, retry: 0, step, model, endpoint, price, request, ...(reach === undefined ? {} : { reach }) };
  const permission = await requestModel(alone, asked);
  if (permission.outcome === "waiting") throw new TypeError("nobody could be asked");
  if (permission.outcome === "denied") throw refused(permission);
  const answer = await callModel(permission.permit, signal);
  const denied = await afterModel(alone, { turn, step, model: answer.model });
  if (denied !== undefined) throw refused(denied);
  return { vectors: taken(), inputTokens: answer.inputTokens, model: answer.model };
}

function refused({ denial: { code, message, details } }: Denied): PermanentFailure {
  return new PermanentFailure(code, message, { details });
}

/** The door calls models: this one says nothing, and leaves its vectors with whoever asked. */
function asModel(
  embedder: Embedder,
  texts: readonly string[],
): { readonly model: Model; readonly taken: () => EmbeddingAnswer["vectors"] } {
  let vectors: EmbeddingAnswer["vectors"] = [];
  const { provider } = embedder;
  const model: Model = {
    provider,
    complete: async (request, signal) => {
      const answer = await embedder.embed({ model: request.model, texts }, signal);
      vectors = answer.vectors;
      const { inputTokens, model: said } = answer;
      return { text: "", toolCalls: [], inputTokens, outputTokens: 0, finishReason: "stop", provider, model: said };
    },
  };
  return { model, taken: () => vectors };
}
