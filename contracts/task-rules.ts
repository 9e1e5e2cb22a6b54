// Who may work on a task, how often its activations are tried, and how long it may take: what a Task manifest says, with its defaults. Pure.
import { parseDuration } from "./duration.ts";
import type { TaskSpec } from "./kinds/task.ts";
import { type Requirements, readRequirements } from "./matching.ts";

export type Jitter = "none" | "full" | "equal";

/** How waits between two tries grow, and which failures end the trying at once. */
export interface RetryManner {
  readonly maxBackoffMs: number;
  readonly jitter: Jitter;
  readonly nonRetryable: readonly string[];
}

export interface TaskLimits {
  /** How long a task may wait for its first claim. */
  readonly waitMs: number;
  /** From its first claim to its end; waits for further tries are part of it, waits for an approval are not. */
  readonly durationMs: number;
}

const DAY_MS = 24 * 60 * 60_000;

/** Where nothing else is said. Nothing is ever infinite: a week leaves people the time to answer. */
export const TASK_DEFAULTS = {
  retry: { maxBackoffMs: DAY_MS, jitter: "none", nonRetryable: [] },
  limits: { waitMs: DAY_MS, durationMs: 7 * DAY_MS },
} as const satisfies { readonly retry: RetryManner; readonly limits: TaskLimits };

export interface TaskRules {
  readonly priority: "low" | "normal" | "high";
  readonly requirements: Requirements;
  /** null where none is set. */
  readonly maxTurns: number | null;
  /** Tries of one activation, the first included. */
  readonly maxAttempts: number;
  readonly retryBackoffMs: number;
  readonly retry: RetryManner;
  readonly limits: TaskLimits;
}

/** `message_retry` governs where it is given, field by field; what it leaves out is taken from `retry`. */
export function taskRules({
  priority,
  requirements,
  max_turns: maxTurns,
  retry,
  message_retry: message,
  limits,
}: Partial<TaskSpec>): TaskRules {
  const backoff = message?.backoff ?? retry?.backoff;
  return {
    priority: priority === "low" || priority === "high" ? priority : "normal",
    requirements: readRequirements(requirements ?? {}),
    maxTurns: maxTurns ?? null,
    maxAttempts: message?.max_attempts ?? retry?.max_attempts ?? 1,
    retryBackoffMs: msOf(backoff, 0),
    retry: {
      maxBackoffMs: msOf(message?.max_backoff, TASK_DEFAULTS.retry.maxBackoffMs),
      jitter: message === undefined ? TASK_DEFAULTS.retry.jitter : (message.jitter ?? "full"),
      nonRetryable: message?.non_retryable ?? [],
    },
    limits: {
      waitMs: msOf(limits?.wait, TASK_DEFAULTS.limits.waitMs),
      durationMs: msOf(limits?.duration, TASK_DEFAULTS.limits.durationMs),
    },
  };
}

function msOf(text: string | undefined, fallback: number): number {
  return parseDuration(text ?? "") ?? fallback;
}
