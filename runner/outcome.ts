// What an attempt at an activation came to, and what is written of it: phases, the graph's next state, events. Pure.
import type { Denial } from "../contracts/decision.ts";
import { type FailureRecord, failureRecord, LeaseLost, TransientFailure } from "../contracts/failure.ts";
import type { Graph, GraphState } from "../contracts/graph.ts";
import type { ActivationPhase, TaskPhase } from "../contracts/task.ts";
import type { RetryManner } from "../contracts/task-rules.ts";
import type { TraceDraft, TraceEventType } from "../contracts/trace.ts";
import type { CarriedLabel } from "../policies/request.ts";
import type { StartedActivation } from "../store/scripts/release.ts";
import { nextDelayMs } from "./agent/backoff.ts";
import { type Advance, advance, type Finished } from "./graph/advance.ts";
import type { GraphRules } from "./graph/reach.ts";
import { Cancelled, RunnerStopping } from "./lease.ts";

export type Outcome =
  /** `missing`: what an observed contract was not kept in. */
  | {
      readonly kind: "done";
      readonly text: string;
      readonly turns: number;
      readonly missing: readonly string[];
      /** Of all that the agent has read. */
      readonly labels?: readonly CarriedLabel[];
    }
  | { readonly kind: "denied"; readonly denial: Denial }
  | {
      readonly kind: "unknown";
      readonly step: string;
      readonly tool: string;
      readonly failure?: FailureRecord;
      /** Why its verify tool could not tell. */
      readonly unverified?: string;
    }
  /** For a person's approval, which may have come already: the store knows. */
  | { readonly kind: "waiting" }
  | { readonly kind: "cancelled"; readonly by: string | null }
  /** This runner stops; the next one goes on at once. */
  | { readonly kind: "handed-back" }
  | { readonly kind: "retry"; readonly inMs: number; readonly error: FailureRecord; readonly counts: boolean }
  /** `final`: no join may bear it. */
  | {
      readonly kind: "failed";
      readonly error: FailureRecord;
      readonly phase: "Failed" | "DeadLetter";
      readonly final: boolean;
    }
  /** Somebody else has it, or its task ended: nothing may be written. */
  | { readonly kind: "lost" };

export interface Attempts {
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly retryBackoffMs: number;
  readonly retry: RetryManner;
  /** In [0, 1). */
  readonly random: number;
}

/** Our own ground gives way, which is no fault of the task: such a failure uses up no attempt. */
const GROUND = /^(REDIS|JOURNAL|RUNNER_STOPPING)(_|$)/;
const GROUND_RETRY_MS = 1_000;

/**
 * What a thrown value means for the activation. A permanent failure is not tried again, nor one that the task names as such;
 * tries that are spent are a dead letter.
 */
export function outcomeOfFailure(error: unknown, attempts: Attempts): Outcome {
  if (error instanceof LeaseLost) return { kind: "lost" };
  if (error instanceof Cancelled) return { kind: "cancelled", by: error.by };
  if (error instanceof RunnerStopping) return { kind: "handed-back" };
  const record = failureRecord(error);
  if (!(error instanceof TransientFailure)) return { kind: "failed", error: record, phase: "Failed", final: false };
  if (GROUND.test(error.code)) return { kind: "retry", error: record, inMs: GROUND_RETRY_MS, counts: false };
  if (error.code === "MODEL_CIRCUIT_OPEN" || error.code === "SUSPENDED")
    return { kind: "retry", error: record, inMs: error.retryAfterMs ?? GROUND_RETRY_MS, counts: false };
  if (isNonRetryable(record, attempts.retry.nonRetryable))
    return { kind: "failed", error: record, phase: "Failed", final: false };
  const { attempt, maxAttempts, retryBackoffMs: backoffMs, retry, random } = attempts;
  const backoff = { maxAttempts, backoffMs, ...retry };
  const inMs = nextDelayMs(backoff, attempt, error.retryAfterMs, random);
  if (inMs === undefined) return { kind: "failed", error: record, phase: "DeadLetter", final: false };
  return { kind: "retry", error: record, inMs, counts: true };
}

/** An entry is a code, a class of codes (`MODEL_*`), or a part of the message. Case does not count. */
function isNonRetryable({ code, message }: FailureRecord, entries: readonly string[]): boolean {
  return entries.some((entry) => {
    const wanted = entry.trim().toLowerCase();
    if (wanted === "") return false;
    if (wanted.endsWith("*")) return code.toLowerCase().startsWith(wanted.slice(0, -1));
    return code.toLowerCase() === wanted || message.toLowerCase().includes(wanted);
  });
}

/** What a release writes, but for the chain head that it stands behind. */
export interface Writing {
  readonly phase: Exclude<ActivationPhase, "Leased">;
  readonly runnableInMs?: number;
  readonly uncounted?: true;
  readonly drafts: readonly TraceDraft[];
  readonly graph: GraphState;
  readonly start: readonly StartedActivation[];
  readonly taskPhase?: TaskPhase;
  readonly output?: Readonly<Record<string, string>>;
  readonly lastError?: FailureRecord;
}

export interface Ending {
  readonly graph: Graph;
  readonly state: GraphState;
  readonly activation: string;
  readonly agent: string;
  readonly visit: number;
  readonly rules: GraphRules;
}

export function writingOf(outcome: Exclude<Outcome, { kind: "lost" }>, ending: Ending): Writing {
  switch (outcome.kind) {
    case "done":
      return afterAgent(ending, doneAs(outcome), doneFacts(outcome));
    case "denied":
      return endTask(ending, "Failed", denialRecord(outcome.denial));
    case "failed":
      if (outcome.final) return endTask(ending, outcome.phase, outcome.error);
      return afterAgent(ending, { status: "failed", output: "" }, { ...outcome.error }, outcome);
    case "unknown":
      return waitForPerson(ending, outcome);
    case "waiting":
      return { ...unmoved(ending), phase: "Waiting", uncounted: true, taskPhase: "WaitingApproval", drafts: [] };
    case "cancelled":
      return {
        ...unmoved(ending),
        phase: "Cancelled",
        taskPhase: "Cancelled",
        drafts: [draft(ending, "task.cancelled", { by: outcome.by })],
      };
    case "handed-back":
      return { ...runAgain(ending, 0, STOPPING), uncounted: true };
    case "retry": {
      const again = { ...runAgain(ending, outcome.inMs, outcome.error), lastError: outcome.error };
      return outcome.counts ? again : { ...again, uncounted: true };
    }
  }
}

function doneAs({ text, labels }: Extract<Outcome, { kind: "done" }>): Pick<Finished, "status" | "output" | "labels"> {
  return { status: "done", output: text, ...(labels === undefined ? {} : { labels }) };
}

function doneFacts({ turns, missing }: Extract<Outcome, { kind: "done" }>): Readonly<Record<string, unknown>> {
  return missing.length === 0 ? { turns } : { turns, code: "CONTRACT_VIOLATED", missing };
}

const STOPPING: FailureRecord = { code: "RUNNER_STOPPING", message: "the runner stops; another one goes on" };

/** The agent has ended, well or not, and the graph goes on, if it can. */
function afterAgent(
  ending: Ending,
  finished: Pick<Finished, "status" | "output" | "labels">,
  facts: Readonly<Record<string, unknown>>,
  failed?: Extract<Outcome, { kind: "failed" }>,
): Writing {
  const { agent, visit, graph, state, rules } = ending;
  const next = advance(graph, state, { agent, visit, ...finished }, rules);
  const type = finished.status === "done" ? "agent.finished" : "agent.failed";
  const stopped = next.stopped.length === 0 ? {} : { stopped: next.stopped, maxTurns: rules.maxTurns };
  const own = draft(ending, type, { ...facts, characters: finished.output.length, ...stopped });
  return {
    phase: finished.status === "done" ? "Done" : "Failed",
    drafts: [own, ...next.events, ...endEvents(ending, next, failed)],
    graph: next.state,
    start: next.start,
    ...(failed === undefined ? {} : { lastError: failed.error }),
    ...(next.ended === undefined ? {} : { taskPhase: endPhase(next.ended.phase, failed), output: next.ended.output }),
  };
}

type Failed = Extract<Outcome, { kind: "failed" }>;

function endPhase(phase: "Succeeded" | "Failed", failed: Failed | undefined): TaskPhase {
  return phase === "Failed" ? (failed?.phase ?? "Failed") : phase;
}

function endEvents(ending: Ending, { ended }: Advance, failed: Failed | undefined): TraceDraft[] {
  if (ended === undefined) return [];
  if (ended.phase === "Succeeded") return [taskDraft(ending, "task.succeeded", {})];
  return [
    taskDraft(ending, failed?.phase === "DeadLetter" ? "task.dead_lettered" : "task.failed", { ...failed?.error }),
  ];
}

function endTask(ending: Ending, phase: "Failed" | "DeadLetter", error: FailureRecord): Writing {
  const type = phase === "DeadLetter" ? "task.dead_lettered" : "task.failed";
  const drafts = [draft(ending, "agent.failed", { ...error }), taskDraft(ending, type, { ...error })];
  return { ...unmoved(ending), phase: "Failed", taskPhase: phase, lastError: error, drafts };
}

function denialRecord({ code, message, details }: Denial): FailureRecord {
  return { code, message, details };
}

function waitForPerson(ending: Ending, unknown: Extract<Outcome, { kind: "unknown" }>): Writing {
  const { step, tool, failure, unverified } = unknown;
  const why =
    failure === undefined ? "had begun when its runner was lost" : `ended without a result (${failure.message})`;
  const message =
    `the call of ${tool} (${step}) ${why}, and ${tool} is not safe to repeat` +
    `${unverified === undefined ? "" : ` (asked, its verify tool could not tell: ${unverified})`}: ` +
    "look whether it happened, then say so with `countwheel resolve`";
  const lastError = { code: "EFFECT_UNKNOWN", message, details: { activation: ending.activation, step, tool } };
  const drafts = [draft(ending, "agent.failed", { ...lastError, phase: "Unknown" })];
  return { ...unmoved(ending), phase: "Unknown", taskPhase: "Unknown", lastError, drafts };
}

function runAgain(ending: Ending, inMs: number, error: FailureRecord): Writing {
  const drafts = [draft(ending, "retry.scheduled", { what: "activation", inMs, ...error })];
  return { ...unmoved(ending), phase: "Runnable", runnableInMs: inMs, drafts };
}

function unmoved({ state }: Ending): Pick<Writing, "graph" | "start"> {
  return { graph: state, start: [] };
}

function draft(ending: Ending, type: TraceEventType, data: Readonly<Record<string, unknown>>): TraceDraft {
  return { type, at: ending.rules.at, activation: ending.activation, agent: ending.agent, data };
}

/** Events of the task itself belong to no agent. */
function taskDraft(ending: Ending, type: TraceEventType, data: Readonly<Record<string, unknown>>): TraceDraft {
  return { type, at: ending.rules.at, data };
}
