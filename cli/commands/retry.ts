// `retry <task>`: lets a task that failed go on from where it stopped, or begin anew. The trace keeps who wanted it.
import { restartGraph } from "../../contracts/graph.ts";
import { activationId, type TaskRecord } from "../../contracts/task.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { type RetryAnswer, type RetryRequest, retryTask } from "../../store/scripts/retry-task.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printFailure, printJson, say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";
import { type PersonFlags, saidBy } from "../said-by.ts";

export interface RetryOptions extends CommonFlags, PersonFlags {
  readonly task: string;
  readonly namespace?: string;
  readonly fromStart: boolean;
  readonly resetBudget: boolean;
}

export async function runRetry(host: Host, options: RetryOptions): Promise<ExitCode> {
  if (options.resetBudget && !options.fromStart) throw new UsageFailure("`--reset-budget` goes with --from-start");
  const { redis, close } = await openRedis(host, options);
  try {
    const task = await findTask(redis, options);
    const by = await saidBy(host, redis, options, "run");
    const answer = await askStore(redis, options, task, wordOf(host, options, task, by));
    return answer.outcome === "retried" ? tell(host, options, task) : refuse(host, options, task, answer);
  } finally {
    await close();
  }
}

function wordOf(host: Host, options: RetryOptions, { tokens, costUsd, lastError }: TaskRecord, by: string): TraceDraft {
  const data = {
    what: "task",
    from: options.fromStart ? "start" : "stopped",
    by,
    after: lastError?.code ?? null,
    budget: options.resetBudget ? "new" : "kept",
    spent: { inputTokens: tokens.input, outputTokens: tokens.output, costUsd },
  };
  return { type: "retry.scheduled", at: host.now().toISOString(), data };
}

async function askStore(redis: Redis, options: RetryOptions, task: TaskRecord, word: TraceDraft): Promise<RetryAnswer> {
  const ref = { env: options.env, namespace: task.namespace, name: task.name };
  const restart = options.fromStart ? await restartOf(redis, options.env, task) : {};
  const queue = openQueue(redis, options.env);
  try {
    return await retryTask(redis, queue, { task: ref, drafts: [word], resetBudget: options.resetBudget, ...restart });
  } finally {
    await queue.close();
  }
}

/** The definitions are those with which the task began. */
async function restartOf(redis: Redis, env: string, task: TaskRecord): Promise<Pick<RetryRequest, "restart">> {
  const { readDefinitions } = await import("../../runner/definitions.ts");
  const definitions = readDefinitions(await readSnapshot(redis, env, task.snapshot));
  const graph = definitions.graph(task.namespace, task.system);
  return {
    restart: (before) => {
      const { state, entries } = restartGraph(graph, before);
      return { state, start: entries.map(({ agent, visit }) => ({ id: activationId(agent, visit), agent })) };
    },
  };
}

function tell(host: Host, { output, fromStart }: RetryOptions, { name, namespace }: TaskRecord): ExitCode {
  const from = fromStart ? "start" : "stopped";
  if (output === "json") printJson(host, { name, namespace, retried: from, phase: "Pending" });
  else host.stdout.write(fromStart ? `${name} begins anew\n` : `${name} goes on where it stopped\n`);
  say(host, `Next: countwheel trace ${name} -f`);
  return EXIT.ok;
}

function refuse(host: Host, { output }: RetryOptions, task: TaskRecord, answer: RetryAnswer): ExitCode {
  const { name } = task;
  if (answer.outcome === "erased") {
    const message = `what was said in ${name} is erased: there is nothing to go on with. Next: countwheel run ${task.system}`;
    return printFailure(host, output, { code: "TASK_ERASED", message, details: { task: name }, exitCode: EXIT.failed });
  }
  const phase = answer.outcome === "not-failed" ? answer.phase : task.phase;
  const message =
    answer.outcome === "nothing-open"
      ? `${name} was ended by an older version, which did not keep where it stopped; try --from-start`
      : phase === "WaitingApproval"
        ? `${name} waits for a person's approval and goes on with it: countwheel get approvals`
        : `${name} is ${phase}: only tasks that are Failed or DeadLetter are tried again`;
  return printFailure(host, output, { code: "NOT_FAILED", message, details: { phase }, exitCode: EXIT.failed });
}
