// The one interface behind which every model provider stands. Nothing but runner/gate may call it.
import type { KeptThoughts, ModelAnswer, ToolCall } from "../../contracts/step.ts";

export interface ToolDefinition {
  /** As manifests write it; an adapter maps it to what its provider allows, and back. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

export type ModelMessage =
  | { readonly role: "user"; readonly text: string }
  | {
      readonly role: "assistant";
      readonly text: string;
      readonly toolCalls: readonly ToolCall[];
      readonly kept?: KeptThoughts;
    }
  | {
      readonly role: "tool";
      readonly callId: string;
      readonly tool: string;
      readonly text: string;
      readonly isError: boolean;
    };

export interface ModelRequest {
  readonly model: string;
  readonly agent: string;
  /** Counted from 1 within the activation. */
  readonly turn: number;
  readonly system: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly maxOutputTokens: number;
  /** The answer is to be JSON that fits it: told to the provider in its own way, and checked by whoever asks. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
}

/** Throws PermanentFailure (bad key, bad request) or TransientFailure (429, 5xx, time-out, cut stream). Never retries. */
export interface Model {
  readonly provider: string;
  /** Tokens that the provider adds by itself where tools are offered. */
  readonly toolPromptTokens?: number;
  complete(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer>;
}
