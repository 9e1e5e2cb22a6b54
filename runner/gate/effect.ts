// What the records of model calls and tool calls have in common.
import { failureRecord, TransientFailure } from "../../contracts/failure.ts";
import type { StepRecord } from "../../contracts/step.ts";
import { boundText } from "./bound.ts";
import type { ModelGrant, ToolGrant } from "./grant.ts";

export function failureData(
  grant: ModelGrant | ToolGrant,
  error: unknown,
  begunMs: number,
): Readonly<Record<string, unknown>> {
  return {
    code: failureRecord(error).code,
    message: messageOf(grant, error),
    latencyMs: sinceMs(grant, begunMs),
    retryable: error instanceof TransientFailure,
  };
}

export function messageOf({ journal }: ModelGrant | ToolGrant, error: unknown): string {
  return boundText(failureRecord(error).message, journal.redactor);
}

export function sinceMs({ journal }: ModelGrant | ToolGrant, begunMs: number): number {
  return Math.max(0, Math.round(journal.clock.monotonicMs() - begunMs));
}

export function stepOf({ activation, step, idempotencyKey }: ModelGrant | ToolGrant): Omit<StepRecord, "state"> {
  return { activation, step, idempotencyKey };
}
