// One tool call of an agent: its tries, and what becomes of a write of which nobody knows whether it happened.
import type { Denial } from "../../contracts/decision.ts";
import { type FailureRecord, PermanentFailure } from "../../contracts/failure.ts";
import { type ToolCall, type ToolResult, toolStepId } from "../../contracts/step.ts";
import type { RepeatedCall } from "../gate/ask.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import { nextDelayMs } from "./backoff.ts";
import type { AgentDesk } from "./desk.ts";
import { countVerifications, findToolStep } from "./ladder.ts";

export type ToolUse =
  | { readonly outcome: "result"; readonly result: ToolResult }
  /** A hard stop: the task ends. */
  | { readonly outcome: "denied"; readonly denial: Denial }
  /** A person has to approve it first. */
  | { readonly outcome: "waiting"; readonly approval: string }
  | UnknownUse;

/** A write may have happened: a person must say. */
export interface UnknownUse {
  readonly outcome: "unknown";
  readonly step: string;
  readonly tool: string;
  /** What came instead of its result; a takeover has none. */
  readonly failure?: FailureRecord;
  /** Why its verify tool could not tell. */
  readonly unverified?: string;
}

/** Where a call stands: the `index`-th of its turn. */
export interface Place {
  readonly turn: number;
  readonly index: number;
  readonly call: ToolCall;
  /** The call was made before and is not to be made again. */
  readonly repeats?: RepeatedCall;
}

type Tried =
  | Exclude<ToolUse, { outcome: "result" }>
  | (Extract<ToolUse, { outcome: "result" }> & { readonly retryable?: boolean; readonly retryAfterMs?: number });

/** Throws EFFECT_UNKNOWN (`on_unknown: fail`), what the journal throws, or the reason for which the signal was aborted. */
export async function useTool(desk: AgentDesk, place: Place): Promise<ToolUse> {
  const found = findToolStep(desk.steps, place.turn, place.index);
  let retry = found.retry;
  let tried = await firstTry(desk, place, found);
  while (tried.outcome === "result" && tried.retryable === true) {
    if (!(await waitForNextTry(desk, place, retry, tried))) break;
    retry += 1;
    tried = await tryCall(desk, place, retry);
  }
  if (tried.outcome !== "result") return tried;
  return { outcome: "result", result: tried.result };
}

async function firstTry(desk: AgentDesk, place: Place, found: ReturnType<typeof findToolStep>): Promise<Tried> {
  switch (found.do) {
    case "reuse":
      return { outcome: "result", result: found.result, retryable: found.retryable };
    case "call":
      return tryCall(desk, place, found.retry);
    case "find-out": {
      if (await desk.gate.isAwaited(place)) return tryCall(desk, place, found.retry, { resumes: true });
      const step = toolStepId(place.turn, place.index, found.retry);
      return settleUnknown(desk, place, found.retry, { outcome: "unknown", step, tool: place.call.tool });
    }
  }
}

/** Whatever comes after a call that was waited for makes it anew. */
async function tryCall(
  desk: AgentDesk,
  place: Place,
  retry: number,
  more: { readonly resumes?: true } = {},
): Promise<Tried> {
  const called = await callTool(desk, { ...place, ...more }, retry);
  return called.outcome === "unknown" ? settleUnknown(desk, place, retry, called) : called;
}

async function callTool(desk: AgentDesk, place: Place & { readonly resumes?: true }, retry: number): Promise<Tried> {
  desk.signal.throwIfAborted();
  const permission = await desk.gate.requestTool({ ...place, retry });
  switch (permission.outcome) {
    case "invalid":
    case "repeated":
      return { outcome: "result", result: permission.result };
    case "waiting":
      return permission;
    case "denied":
      if (permission.stop) return { outcome: "denied", denial: permission.denial };
      return { outcome: "result", result: permission.result };
    case "permitted": {
      const called = await desk.gate.callTool(permission.permit, desk.signal);
      return called.outcome === "unknown" ? called : { ...called, outcome: "result" };
    }
  }
}

/** False where no try is left, or none was granted. */
async function waitForNextTry(
  desk: AgentDesk,
  { turn, index, call }: Place,
  retry: number,
  { result, retryAfterMs }: Extract<Tried, { outcome: "result" }>,
): Promise<boolean> {
  const delayMs = nextDelayMs(desk.toolRules(call.tool).retry, retry + 1, retryAfterMs, desk.random());
  if (delayMs === undefined) return false;
  const data = { what: "tool", tool: call.tool, inMs: delayMs, message: result.text };
  await desk.note("retry.scheduled", data, { turn, step: toolStepId(turn, index, retry) });
  await waitUnlessAborted(delayMs, desk.signal);
  return true;
}

/**
 * Its verify tool is asked first, if it has one. Where that cannot tell, the tool's `on_unknown` says what to do; it is
 * tried again once only.
 */
async function settleUnknown(desk: AgentDesk, place: Place, retry: number, unknown: UnknownUse): Promise<Tried> {
  const { verify, onUnknown } = desk.toolRules(place.call.tool);
  if (verify !== undefined) {
    const { turn, index } = place;
    const round = countVerifications(desk.steps, turn, index) + 1;
    const verdict = await desk.gate.verifyTool({ ...place, retry, verify, round }, desk.signal);
    if (verdict.happened === "yes") return { outcome: "result", result: verdict.result };
    if (verdict.happened === "no") return callTool(desk, place, retry);
    return settleByRule(desk, place, retry, onUnknown, { ...unknown, unverified: verdict.why });
  }
  return settleByRule(desk, place, retry, onUnknown, unknown);
}

async function settleByRule(
  desk: AgentDesk,
  place: Place,
  retry: number,
  rule: "stop" | "retry" | "fail",
  unknown: UnknownUse,
): Promise<Tried> {
  switch (rule) {
    case "stop":
      return unknown;
    case "retry":
      return callTool(desk, place, retry);
    case "fail": {
      const message = `nobody knows whether the call of ${unknown.tool} (${unknown.step}) happened (on_unknown: fail)`;
      throw new PermanentFailure("EFFECT_UNKNOWN", message);
    }
  }
}
