// Steps: the recorded effects of an activation, their ids, states and results. A takeover reads them to go on.
import type { ActivationId } from "./task.ts";

/**
 * decided: allowed by the gate, not begun · started: the effect may have happened · done: the result is recorded ·
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

export type FinishReason = "stop" | "tool_use" | "length" | "refusal" | "other";

export interface ModelAnswer {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly finishReason: FinishReason;
  readonly provider: string;
  readonly model: string;
}

export interface ToolResult {
  /** What the model reads. */
  readonly text: string;
  /** The tool itself says that it failed; the model may go on. */
  readonly isError: boolean;
}

/** `m<turn>` for a model call, `m<turn>.c<n>` for its n-th tool call; retries of a model call append `.r<n>`. */
export type StepId = string;

export function modelStepId(turn: number, retry: number): StepId {
  return retry === 0 ? `m${turn}` : `m${turn}.r${retry}`;
}

export function toolStepId(turn: number, index: number): StepId {
  return `m${turn}.c${index}`;
}

export interface StepRecord {
  readonly activation: ActivationId;
  readonly step: StepId;
  readonly state: StepState;
  /** Reaches the tool with every try of the same step. */
  readonly idempotencyKey: string;
  readonly effect?: ToolEffect;
  /** Tokens that stay charged although no answer came (a lost attempt). */
  readonly reservedTokens?: number;
  readonly model?: ModelAnswer;
  readonly tool?: ToolResult;
}
