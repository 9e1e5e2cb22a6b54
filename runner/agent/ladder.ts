// The ladder: what a takeover or a retry does with each step that the records know of. Pure (SEMANTICS, The ladder).
import { type ModelAnswer, modelStepId, type StepRecord, type ToolResult } from "../../contracts/step.ts";

export type ModelStep =
  | { readonly do: "reuse"; readonly answer: ModelAnswer }
  /** `retry` names the next try: an attempt whose answer was lost stays charged, so it is never counted as not made. */
  | { readonly do: "call"; readonly retry: number };

export function findModelStep(steps: readonly StepRecord[], turn: number): ModelStep {
  for (let retry = 0; ; retry += 1) {
    const record = steps.find(({ step }) => step === modelStepId(turn, retry));
    if (record === undefined) return { do: "call", retry };
    if (record.state === "done" && record.model !== undefined) return { do: "reuse", answer: record.model };
  }
}

export type ToolStep =
  | { readonly do: "reuse"; readonly result: ToolResult }
  | { readonly do: "call" }
  /** A write may have happened, and nothing here can tell: a person must. */
  | { readonly do: "ask-person" };

export function findToolStep(steps: readonly StepRecord[], step: string): ToolStep {
  const record = steps.find((candidate) => candidate.step === step);
  if (record === undefined) return { do: "call" };
  switch (record.state) {
    case "decided":
      return { do: "call" };
    case "started":
      return record.effect === "read" || record.effect === "idempotent" ? { do: "call" } : { do: "ask-person" };
    case "done":
    case "failed":
      return record.tool === undefined ? { do: "call" } : { do: "reuse", result: record.tool };
  }
}
