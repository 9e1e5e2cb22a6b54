// Ends the phase Unknown of an activation by a person's word: the write happened, it did not, or the task shall fail.
import type { FailureRecord } from "../../contracts/failure.ts";
import { taskId } from "../../contracts/new-task.ts";
import { isVerifyStep, type StepRecord } from "../../contracts/step.ts";
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents, type TraceDraft } from "../../contracts/trace.ts";
import { ask } from "../ask.ts";
import { readTerms } from "../bell-terms.ts";
import { readChainHead, readHead, recordArguments } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { finishTask } from "../finish-task.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import type { ActivationQueue } from "../queue.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { readStep } from "../task-fields.ts";
import { HAS_ENDED, NOW, RECORD, SETTLE_PHASE } from "./lua.ts";

export interface ResolveRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  /** The step as it shall stand from now on; absent where the task fails. */
  readonly step?: StepRecord;
  /** Why the task fails; absent where the activation goes on. */
  readonly failure?: FailureRecord;
  readonly drafts: readonly TraceDraft[];
}

export type Resolved =
  | { readonly outcome: "resolved" }
  /** Nobody has to say anything: the activation does not wait, or its task has ended. */
  | { readonly outcome: "not-unknown" };

/**
 * KEYS  1 task · 2 activations · 3 open · 4 journal · 5 steps of the activation
 * ARGV  1 activation · 2 last error of a task that fails, or '' · from 3 the record (see RECORD), with the step as it stands
 *       from now on where the activation goes on
 * Answers {'resolved', priority}, {'moved', seq, head} or {'not-unknown'}.
 * Invariants: only an activation in phase Unknown moves; one with which its task fails stays open, for a retry; the task runs again once no other activation is Unknown.
 */
const RESOLVE = defineScript(`${NOW}${HAS_ENDED}${RECORD}${SETTLE_PHASE}
local task, activations, open, journal, steps = unpack(KEYS)
local id, failure = ARGV[1], ARGV[2]
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', 'priority')
if found[1] and is_repeated(journal, 3) then return { 'resolved', found[4] } end
if not found[1] or has_ended[found[1]] or redis.call('HGET', activations, id .. '/phase') ~= 'Unknown' then
  return { 'not-unknown' }
end
if not is_next(found[2], found[3], 3) then return { 'moved', found[2], found[3] } end

write_record(task, journal, steps, nil, 3)
if failure ~= '' then
  redis.call('HSET', activations, id .. '/phase', 'Failed')
  redis.call('HSET', task, 'phase', 'Failed', 'lastError', failure, 'finishedAtMs', string.format('%d', now))
  return { 'resolved', found[4] }
end
redis.call('HSET', activations, id .. '/phase', 'Runnable', id .. '/runnableAt', 0)
settle_phase(task, activations, open)
if redis.call('HGET', task, 'phase') ~= 'Unknown' then redis.call('HSET', task, 'lastError', '') end
return { 'resolved', found[4] }
`);

/** Afterwards rings for the activation, or finishes the task off; the sweep mends a crash between the two. */
export async function resolveUnknown(redis: Redis, queue: ActivationQueue, request: ResolveRequest): Promise<Resolved> {
  const { task, activation, failure } = request;
  const what = `the resolution of ${activation} of ${taskId(task)}`;
  for (let after = await readHead(redis, task); ; ) {
    const [outcome, first, second] = listOf(what, await runResolve(redis, request, after));
    switch (outcome) {
      case "not-unknown":
        return { outcome };
      case "moved":
        after = readChainHead(what, first, second);
        continue;
      case "resolved":
        if (failure !== undefined) await finishTask(redis, task);
        else await queue.ring([{ task, activation, terms: readTerms(what, first) }]);
        return { outcome };
      default:
        throw corrupt(what, `\`${String(outcome)}\` is unknown`);
    }
  }
}

function runResolve(redis: Redis, request: ResolveRequest, after: ChainHead): Promise<unknown> {
  const { task, activation, step, failure, drafts } = request;
  const keys = taskKeys(task);
  const events = chainEvents(taskId(task), after, drafts);
  const record = { after, events, ...(step === undefined ? {} : { steps: [step] }) };
  return runScript(
    redis,
    RESOLVE,
    [keys.task, keys.activations, keys.open, keys.journal, stepsKey(task, activation)],
    [activation, failure === undefined ? "" : JSON.stringify(failure), ...recordArguments(record)],
  );
}

/** The write that had begun and whose result nobody knows: not what was asked about it. */
export async function readBegunStep(
  redis: Redis,
  task: TaskRef,
  activation: ActivationId,
): Promise<StepRecord | undefined> {
  const texts = await ask(redis, () => redis.hvals(stepsKey(task, activation)));
  const steps = texts.map((text) => readStep(`a step of ${activation} of ${taskId(task)}`, text));
  return steps.find(({ state, effect, step }) => state === "started" && effect !== undefined && !isVerifyStep(step));
}
