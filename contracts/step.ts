// Steps: the recorded effects of an activation, their ids, states and results. A takeover reads them to go on.
import type { CarriedLabel } from "../policies/request.ts";
import type { ActivationId } from "./task.ts";

/**
 * decided: allowed by the gate or waiting for a person, not begun · started: the effect may have happened · done: the result is recorded ·
 * failed: it ended without a result and did not take effect, or the failure is the recorded result.
 */
export type StepState = "decided" | "started" | "done" | "failed";

export type ToolEffect = "read" | "idempotent" | "write";

/** One tool call that a model asks for. `arguments` is what the model wrote, parsed; `malformed` holds text that is no JSON object. */
export interface ToolCall {
  readonly id: string;
  /** The tool's name as manifests write it. */
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly malformed?: string;
}

/** length: cut at its limit · pause: the provider wants to be asked to go on · other: for a reason that is not known here. */
export type FinishReason = "stop" | "tool_use" | "length" | "refusal" | "pause" | "other";

/** What a provider wants back unchanged with the next turn, such as signed thoughts. It means nothing to another model. */
export interface KeptThoughts {
  readonly provider: string;
  readonly model: string;
  readonly items: readonly unknown[];
}

export interface ModelAnswer {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  /** All input, that which came from or went to a cache included. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Parts of `inputTokens` with prices of their own; absent where there were none. */
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly finishReason: FinishReason;
  /** The provider's own word where `finishReason` is `other`. */
  readonly stopReason?: string;
  readonly kept?: KeptThoughts;
  readonly provider: string;
  readonly model: string;
}

export interface ToolResult {
  /** What the model reads. */
  readonly text: string;
  /** The tool itself says that it failed; the model may go on. */
  readonly isError: boolean;
  /** Of what is in it, with the calls that they come from. Absent: it has none. */
  readonly labels?: readonly CarriedLabel[];
}

/**
 * `m<turn>` for a model call, `m<turn>.c<n>` for its n-th tool call; retries of either append `.r<n>`, and questions to a
 * verify tool about a tool call `.v<n>`, and embeddings that a tool call needs `.e<n>`.
 */
export type StepId = string;

export function modelStepId(turn: number, retry: number): StepId {
  return retry === 0 ? `m${turn}` : `m${turn}.r${retry}`;
}

export function toolStepId(turn: number, index: number, retry = 0): StepId {
  return retry === 0 ? `m${turn}.c${index}` : `m${turn}.c${index}.r${retry}`;
}

export function verifyStepId(turn: number, index: number, round: number): StepId {
  return `m${turn}.c${index}.v${round}`;
}

/** The `n`-th time that a tool call asks for embeddings, over all attempts at it. */
export function embeddingStepId(toolStep: StepId, n: number): StepId {
  return `${toolStep}.e${n}`;
}

export function isEmbeddingStep(step: StepId): boolean {
  return /\.e\d+$/.test(step);
}

export function turnOfStep(step: StepId): number {
  return Number(/^m(\d+)/.exec(step)?.[1] ?? 0);
}

export function isVerifyStep(step: StepId): boolean {
  return /\.v\d+$/.test(step);
}

export interface StepRecord {
  readonly activation: ActivationId;
  readonly step: StepId;
  readonly state: StepState;
  /** Reaches the tool with every try of the same call. */
  readonly idempotencyKey: string;
  readonly effect?: ToolEffect;
  /** Tokens that stay charged although no answer came (a lost attempt). */
  readonly reservedTokens?: number;
  /** `namespace/name` of the ModelEndpoint that is asked: a takeover goes on with the same. */
  readonly endpoint?: string;
  readonly model?: ModelAnswer;
  readonly tool?: ToolResult;
  /** Of whatever its tool returns, known before it does: also a result that a person tells has them. */
  readonly labels?: readonly CarriedLabel[];
  /** It failed in a way that may pass. */
  readonly retryable?: true;
}
