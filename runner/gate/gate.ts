// The gate of one activation: the only door to models and tools. It decides, records the decision, and only then hands
// out a permit; the door (door.ts) takes nothing but permits.
import type { ModelAnswer } from "../../contracts/step.ts";
import type { EmbeddingAnswer } from "../models/embedder.ts";
import { admit } from "./admission.ts";
import { type AnswerAsk, afterModel, afterTool, type ResultAsk } from "./after.ts";
import type { Admission, Denied, GateOptions, ModelAsk, ModelPermission, ToolAsk, ToolPermission } from "./ask.ts";
import { isAwaited } from "./awaited.ts";
import { callModel, callTool } from "./door.ts";
import { type EmbedAsk, embedTexts } from "./embed.ts";
import { requestModel } from "./model-request.ts";
import type { ModelPermit, ToolPermit } from "./permit.ts";
import type { ToolOutcome } from "./tool-effect.ts";
import { requestTool } from "./tool-request.ts";
import { type Verdict, type VerifyAsk, verifyTool } from "./verify.ts";

export interface Gate {
  /** May this agent run for this task at all? Asked once per activation, before the first turn. */
  admit(): Promise<Admission>;
  requestModel(ask: ModelAsk): Promise<ModelPermission>;
  /** Throws what the model threw, after writing it down. An aborted signal throws its reason and writes nothing. */
  callModel(permit: ModelPermit, signal: AbortSignal): Promise<ModelAnswer>;
  /** May what the model answered be acted on? undefined: it may. */
  afterModel(ask: AnswerAsk): Promise<Denied | undefined>;
  /** May the model read what the tool returned? undefined: it may; `result` is what it reads instead. */
  afterTool(ask: ResultAsk): ReturnType<typeof afterTool>;
  /** Vectors that a tool needs while it is at work. Throws the denial as a PermanentFailure, or what the model threw. */
  embed(ask: EmbedAsk, signal: AbortSignal): Promise<EmbeddingAnswer>;
  requestTool(ask: ToolAsk): Promise<ToolPermission>;
  callTool(permit: ToolPermit, signal: AbortSignal): Promise<ToolOutcome>;
  /** Whether a call that began and has no result can be waited for: asked for anew, with `resumes`, it is not made again. */
  isAwaited(ask: ToolAsk): Promise<boolean>;
  /** Whether a write that began and has no result has happened, as the tool that its manifest names can tell. */
  verifyTool(ask: VerifyAsk, signal: AbortSignal): Promise<Verdict>;
}

export function createGate(options: GateOptions): Gate {
  return {
    admit: () => admit(options),
    requestModel: (ask) => requestModel(options, ask),
    callModel,
    afterModel: (ask) => afterModel(options, ask),
    afterTool: (ask) => afterTool(options, ask),
    embed: (ask, signal) => embedTexts(options, ask, signal),
    requestTool: (ask) => requestTool(options, ask),
    callTool,
    isAwaited: (ask) => isAwaited(options, ask),
    verifyTool: (ask, signal) => verifyTool(options, ask, signal),
  };
}
