// What a person needs to know of a task that failed: what was tried, by which runners, the last steps. Pure, from its trace.
import type { FailureRecord } from "./failure.ts";
import type { TraceEvent } from "./trace.ts";

export interface TriedAttempt {
  readonly activation: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly runner: string;
  readonly startedAt: string;
  /** How it ended; RUNNER_LOST where another runner had to take over, null where it went well or goes on. */
  readonly failure: FailureRecord | null;
}

export interface LastStep {
  readonly at: string;
  readonly activation: string;
  readonly step: string;
  /** `model gpt-4o`, `tool send-mail`. */
  readonly what: string;
  /** `answered`, a code, or `no result`. */
  readonly ended: string;
}

export interface Evidence {
  /** Those that failed, the newest last. */
  readonly attempts: readonly TriedAttempt[];
  readonly runners: readonly string[];
  readonly lastSteps: readonly LastStep[];
}

const MAX_ATTEMPTS = 20;
const MAX_STEPS = 5;

export function evidenceOf(events: readonly TraceEvent[]): Evidence {
  const attempts = attemptsOf(events);
  const failed = attempts.filter(({ failure }) => failure !== null);
  return {
    attempts: failed.slice(-MAX_ATTEMPTS),
    runners: [...new Set(attempts.map(({ runner }) => runner))],
    lastSteps: stepsOf(events).slice(-MAX_STEPS),
  };
}

function attemptsOf(events: readonly TraceEvent[]): TriedAttempt[] {
  return events.flatMap((event, index) => {
    if (event.type !== "agent.started") return [];
    const { activation = "", attempt = 0, epoch = 0, at } = event;
    const own = events.slice(index + 1).filter((later) => later.activation === activation);
    return [{ activation, attempt, epoch, runner: text(event["runner"]), startedAt: at, failure: failureOf(own) }];
  });
}

/** The first thing that ended the attempt, among the later events of its activation. */
function failureOf(later: readonly TraceEvent[]): FailureRecord | null {
  const end = later.find(
    ({ type, what }) => ATTEMPT_ENDS.has(type) || (type === "retry.scheduled" && what === "activation"),
  );
  if (end === undefined || end.type === "agent.finished") return null;
  if (end.type === "task.taken_over") return { code: "RUNNER_LOST", message: `${text(end["from"])} was lost` };
  return { code: text(end["code"]), message: text(end["message"]) };
}

const ATTEMPT_ENDS = new Set<string>(["agent.finished", "agent.failed", "task.taken_over"]);

function stepsOf(events: readonly TraceEvent[]): LastStep[] {
  return events.flatMap((event, index) => {
    const { type, at, activation = "", step = "" } = event;
    if (type !== "model.called" && type !== "tool.called") return [];
    const what = type === "model.called" ? `model ${text(event["model"])}` : `tool ${text(event["tool"])}`;
    const end = events
      .slice(index + 1)
      .find((later) => later.activation === activation && later.step === step && ENDS.has(later.type));
    return [{ at, activation, step, what, ended: end === undefined ? "no result" : endOf(end) }];
  });
}

const ENDS = new Set<string>(["model.answered", "model.failed", "tool.answered", "tool.failed"]);

function endOf(event: TraceEvent): string {
  return event.type.endsWith(".failed") ? text(event["code"]) : "answered";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
