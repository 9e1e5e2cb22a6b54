// What became of one task of a simulation, for the invariants to judge.
import type { TaskPhase, TaskRef } from "../../contracts/task.ts";
import { TASK_DEFAULTS, type TaskLimits } from "../../contracts/task-rules.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { stepsKey, taskKeys } from "../../store/keys.ts";
import { readStep } from "../../store/task-fields.ts";
import { readTask, readTrace } from "../../store/tasks.ts";
import type { TaskHistory } from "../history/history.ts";
import type { Scenario } from "./scenario.ts";

/** What was seen of it on the way, and what it may end with. */
export interface ToldOfTask {
  readonly scenario: Scenario;
  readonly phases: readonly TaskPhase[];
  readonly heads: readonly ChainHead[];
  readonly isCancelled: boolean;
  readonly limits: TaskLimits;
  /** By a person. */
  readonly retries: number;
}

export async function taskHistory(redis: Redis, ref: TaskRef, told: ToldOfTask): Promise<TaskHistory> {
  const { name } = ref;
  const found = await readTask(redis, ref);
  if (found === undefined) throw new Error(`the task ${name} was lost`);
  const steps = await Promise.all(found.activations.map(({ id }) => redis.hvals(stepsKey(ref, id))));
  const fields = await redis.hgetall(taskKeys(ref).task);
  const amount = (field: string): number => Number(fields[field]);
  const { ceiling, failing, tightened, asks, asksTurns, shared } = told.scenario;
  const takeovers = Math.max(...found.activations.map(({ attempts }) => attempts));
  return {
    id: `${ref.namespace}/${name}`,
    record: found,
    events: await readTrace(redis, ref),
    steps: steps.flat().map((text) => readStep(name, text)),
    ledger: {
      inputTokens: amount("inputTokens"),
      outputTokens: amount("outputTokens"),
      reservedTokens: amount("reservedTokens"),
      costUsd: null,
    },
    phases: told.phases,
    retries: told.retries,
    heads: told.heads,
    ceiling,
    mayEndWith: [
      ...(told.isCancelled ? ["CANCELLED"] : []),
      ...(ceiling === null ? [] : ["BUDGET_TOKENS"]),
      ...(shared === null ? [] : ["BUDGET_TOKENS", "BUDGET_STEPS"]),
      ...(asks === undefined && !asksTurns ? [] : ["APPROVAL_DENIED", "APPROVAL_EXPIRED"]),
      ...(told.limits.waitMs === TASK_DEFAULTS.limits.waitMs ? [] : ["TASK_WAIT_TIMEOUT"]),
      ...(told.limits.durationMs === TASK_DEFAULTS.limits.durationMs ? [] : ["TASK_TIMEOUT"]),
      ...(failing === undefined ? [] : ["MODEL_EMPTY"]),
      ...(tightened === undefined ? [] : ["TOOL_BLOCKED"]),
      ...(takeovers > 5 ? ["KILLS_RUNNERS"] : []),
      "EFFECT_UNKNOWN",
    ],
  };
}
