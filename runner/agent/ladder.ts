// The ladder: what a takeover or a retry does with each step that the records know of. Pure (SEMANTICS, The ladder).
import {
  type ModelAnswer,
  modelStepId,
  type StepRecord,
  type ToolResult,
  toolStepId,
  verifyStepId,
} from "../../contracts/step.ts";

export type ModelStep =
  | { readonly do: "reuse"; readonly answer: ModelAnswer }
  /** `retry` names the next try: an attempt whose answer was lost stays charged, so it is never counted as not made. */
  | { readonly do: "call"; readonly retry: number };

/**
 * Tries are not counted by those that are recorded: one that failed before its record, because Redis was away, leaves a gap,
 * and what was answered behind it is not asked again.
 */
export function findModelStep(steps: readonly StepRecord[], turn: number): ModelStep {
  let next = 0;
  for (const { step, state, model } of steps) {
    const retry = retryOfTurn(step, turn);
    if (retry === undefined) continue;
    if (state === "done" && model !== undefined) return { do: "reuse", answer: model };
    // One that waits for a person has not been made.
    next = Math.max(next, state === "decided" ? retry : retry + 1);
  }
  return { do: "call", retry: next };
}

function retryOfTurn(step: string, turn: number): number | undefined {
  const first = modelStepId(turn, 0);
  if (step === first) return 0;
  const retry = step.startsWith(`${first}.r`) ? Number(step.slice(first.length + 2)) : Number.NaN;
  return step === modelStepId(turn, retry) ? retry : undefined;
}

/** `retry`: which try of the call it is about, counted from 0. */
export type ToolStep =
  /** `retryable`: it failed in a way that may pass, so that another try is due where the tool's manifest grants one. */
  | { readonly do: "reuse"; readonly retry: number; readonly result: ToolResult; readonly retryable: boolean }
  | { readonly do: "call"; readonly retry: number }
  /** A write may have happened, and nothing here can tell: its verify tool may, or a person must. */
  | { readonly do: "find-out"; readonly retry: number };

export function findToolStep(steps: readonly StepRecord[], turn: number, index: number): ToolStep {
  let retry = 0;
  while (recordOf(steps, toolStepId(turn, index, retry + 1)) !== undefined) retry += 1;
  const record = recordOf(steps, toolStepId(turn, index, retry));
  if (record === undefined) return { do: "call", retry };
  switch (record.state) {
    case "decided":
      return { do: "call", retry };
    case "started": {
      const isSafe = record.effect === "read" || record.effect === "idempotent";
      return { do: isSafe ? "call" : "find-out", retry };
    }
    case "done":
    case "failed": {
      const { tool: result, retryable = false } = record;
      return result === undefined ? { do: "call", retry } : { do: "reuse", retry, result, retryable };
    }
  }
}

/** How often a call was verified before: the next time is a step of its own. */
export function countVerifications(steps: readonly StepRecord[], turn: number, index: number): number {
  let count = 0;
  while (recordOf(steps, verifyStepId(turn, index, count + 1)) !== undefined) count += 1;
  return count;
}

function recordOf(steps: readonly StepRecord[], step: string): StepRecord | undefined {
  return steps.find((candidate) => candidate.step === step);
}
