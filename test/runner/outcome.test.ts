import { describe, expect, it } from "vitest";
import { LeaseLost, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { taskRules } from "../../contracts/task-rules.ts";
import { Cancelled, RunnerStopping } from "../../runner/lease.ts";
import { type Outcome, outcomeOfFailure } from "../../runner/outcome.ts";

const busy = new TransientFailure("MODEL_OVERLOADED", "the model is busy");

function outcome(error: unknown, attempt: number, spec: Parameters<typeof taskRules>[0], random = 0.5): Outcome {
  return outcomeOfFailure(error, { attempt, random, ...taskRules(spec) });
}

/** ms until the next try, or the phase in which it ended. */
function next(error: unknown, attempt: number, spec: Parameters<typeof taskRules>[0], random?: number): unknown {
  const found = outcome(error, attempt, spec, random);
  return found.kind === "retry" ? found.inMs : found.kind === "failed" ? found.phase : found.kind;
}

describe("retries of an activation", () => {
  it("are none by default: the failure is a dead letter", () => {
    expect(next(busy, 1, {})).toBe("DeadLetter");
  });

  it("wait ever longer by `retry`, without jitter, until the tries are spent", () => {
    const spec = { retry: { max_attempts: 4, backoff: "2s" } };
    expect([1, 2, 3, 4].map((attempt) => next(busy, attempt, spec))).toEqual([2_000, 4_000, 8_000, "DeadLetter"]);
  });

  it("follow `message_retry` where it is given, field by field, and `retry` for what it leaves out", () => {
    const spec = { retry: { max_attempts: 9, backoff: "10s" }, message_retry: { max_attempts: 3, max_backoff: "15s" } };
    expect([1, 2, 3].map((attempt) => next(busy, attempt, spec, 0.5))).toEqual([5_000, 7_500, "DeadLetter"]);
  });

  it.each([
    ["none", 0, 4_000],
    ["none", 0.9, 4_000],
    ["full", 0, 0],
    ["full", 0.5, 2_000],
    ["equal", 0, 2_000],
    ["equal", 0.5, 3_000],
  ] as const)("with jitter %s and chance %d wait %d ms", (jitter, random, ms) => {
    expect(next(busy, 1, { message_retry: { max_attempts: 2, backoff: "4s", jitter } }, random)).toBe(ms);
  });

  it("never wait less than the other side asked for, nor a day", () => {
    const asking = (ms: number): TransientFailure => new TransientFailure("X", "later", { retryAfterMs: ms });
    expect(next(asking(7_000), 1, { retry: { max_attempts: 2 } })).toBe(7_000);
    expect(next(asking(90_000_000), 1, { retry: { max_attempts: 2 } })).toBe("DeadLetter");
    expect(next(busy, 40, { retry: { max_attempts: 50, backoff: "1h" } })).toBe(86_400_000);
  });

  it.each(["MODEL_OVERLOADED", "model_overloaded", "MODEL_*", "is busy"])("do not happen after `%s`", (entry) => {
    const spec = { message_retry: { max_attempts: 5, non_retryable: [entry] } };
    expect(outcome(busy, 1, spec)).toMatchObject({ kind: "failed", phase: "Failed", final: false });
  });

  it.each(["TOOL_*", "MODEL_OVER", "", "MODEL_OVERLOADED_TWICE"])(
    "do happen where `%s` names another failure",
    (entry) => {
      const spec = {
        message_retry: { max_attempts: 5, backoff: "1s", jitter: "none" as const, non_retryable: [entry] },
      };
      expect(next(busy, 1, spec)).toBe(1_000);
    },
  );

  it("use up no try where our own ground gives way, whatever the task calls final", () => {
    const away = new TransientFailure("REDIS_UNAVAILABLE", "away");
    const found = outcome(away, 3, { message_retry: { max_attempts: 1, non_retryable: ["REDIS_*"] } });
    expect(found).toMatchObject({ kind: "retry", counts: false });
  });

  it("do not follow a permanent failure, a lost lease, a cancellation or a runner that stops", () => {
    const spec = { retry: { max_attempts: 5 } };
    expect(next(new PermanentFailure("MODEL_AUTH", "no"), 1, spec)).toBe("Failed");
    expect(next(new LeaseLost("t", "gone"), 1, spec)).toBe("lost");
    expect(outcome(new Cancelled("ada"), 1, spec)).toEqual({ kind: "cancelled", by: "ada" });
    expect(next(new RunnerStopping("stop"), 1, spec)).toBe("handed-back");
  });
});
