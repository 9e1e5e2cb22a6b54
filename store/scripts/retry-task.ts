// Lets a task that failed go on: from where it stopped, or from its start. One script, recorded in the trace.
import type { GraphState } from "../../contracts/graph.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskPhase, TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents, type TraceDraft } from "../../contracts/trace.ts";
import { ask } from "../ask.ts";
import { readTerms } from "../bell-terms.ts";
import { readChainHead, recordArguments } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys, taskKeys, taskMember } from "../keys.ts";
import { LEDGER_FIELDS } from "../ledger.ts";
import type { ActivationQueue } from "../queue.ts";
import { corrupt, listOf, textsOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { readGraphState, readTaskPhase } from "../task-fields.ts";
import { NOW, RECORD } from "./lua.ts";

export interface RetryRequest {
  readonly task: TaskRef;
  readonly drafts: readonly TraceDraft[];
  /** From the start: what the graph shall be, and which activations begin. Absent: from where it stopped. */
  readonly restart?: (before: GraphState) => Restart;
  /** What was spent is forgotten. */
  readonly resetBudget: boolean;
}

export interface Restart {
  readonly state: GraphState;
  readonly start: readonly { readonly id: string; readonly agent: string }[];
}

export type RetryAnswer =
  | { readonly outcome: "retried" }
  | { readonly outcome: "missing" }
  /** It goes on, or it has ended well or by a person's will: there is nothing to try again. */
  | { readonly outcome: "not-failed"; readonly phase: TaskPhase }
  /** What it would go on with was erased. */
  | { readonly outcome: "erased" }
  /** An older version ended it, and did not keep where it stopped. */
  | { readonly outcome: "nothing-open" };

/** As arguments of HSET. */
const NOTHING_SPENT = LEDGER_FIELDS.map((field) => `'${field}', '${field === "calls" ? "" : "0"}'`).join(", ");

/**
 * KEYS  1 task · 2 activations · 3 order · 4 open · 5 journal · 6 approvals
 * ARGV  1 graph, or '' for where it stopped · 2 whether the budget begins anew, 1 or 0 · 3 number of activations to start ·
 *       from 4 the record (see RECORD) · then id and agent of each activation to start
 * Answers {'retried', priority, id…}, {'moved'}, {'missing'}, {'not-failed', phase}, {'erased'} or {'nothing-open'}.
 * Invariants: only a task that failed goes on, once for each retry. Epochs and steps stay, so a former holder is as fenced
 * as before and what is done is not done again. What was approved or denied before is asked anew. From the start, activations have numbers that none had before.
 */
const RETRY = defineScript(`${NOW}${RECORD}
local task, activations, order, open, journal, approvals = unpack(KEYS)
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', 'priority', 'erasedAt')
local function retried()
  return { 'retried', found[4], unpack(redis.call('SMEMBERS', open)) }
end
if not found[1] then return { 'missing' } end
if is_repeated(journal, 4) then return retried() end
if found[1] ~= 'Failed' and found[1] ~= 'DeadLetter' then return { 'not-failed', found[1] } end
if found[5] then return { 'erased' } end
if not is_next(found[2], found[3], 4) then return { 'moved' } end
local goes_on = ARGV[1] == ''
local ids = redis.call('SMEMBERS', open)
if goes_on and #ids == 0 then return { 'nothing-open' } end

local fields = { 'phase', 'Pending', 'lastError', '', 'cancel', '', 'cancelledBy', '', 'output', '',
  'queuedAtMs', string.format('%d', now), 'startedAtMs', '', 'finishedAtMs', '', 'pausedMs', 0, 'waitingSinceMs', '' }
if not goes_on then put(fields, 'graph', ARGV[1]) end
local _, _, first_start = write_record(task, journal, '', nil, 4, fields)
if ARGV[2] == '1' then redis.call('HSET', task, ${NOTHING_SPENT}) end
for _, id in ipairs(ids) do
  redis.call('HSET', activations, id .. '/runnableAt', 0, id .. '/until', 0)
  if goes_on then
    redis.call('HSET', activations, id .. '/phase', 'Runnable', id .. '/attempts', 0)
    redis.call('HDEL', activations, id .. '/startedAtMs')
  else
    redis.call('HSET', activations, id .. '/phase', 'Cancelled')
    redis.call('SREM', open, id)
  end
end
for _, field in ipairs(redis.call('HKEYS', approvals)) do
  local answered = redis.call('HGET', approvals, field .. '/phase')
  if answered and answered ~= 'Used' then redis.call('HSET', approvals, field .. '/phase', 'Void') end
  if answered == 'Used' and tonumber(redis.call('HGET', approvals, field .. '/until')) > now then
    redis.call('HSET', approvals, field .. '/until', string.format('%d', now))
  end
end
for from = first_start, first_start + 2 * ARGV[3] - 1, 2 do
  local id = ARGV[from]
  redis.call('HSET', activations, id .. '/agent', ARGV[from + 1], id .. '/phase', 'Runnable', id .. '/holder', '',
    id .. '/epoch', 0, id .. '/attempts', 0, id .. '/until', 0, id .. '/runnableAt', 0, id .. '/messages', '[]')
  redis.call('RPUSH', order, id)
  redis.call('SADD', open, id)
end
return retried()
`);

/**
 * It is put back among the live tasks before and after: in between somebody may have taken it out as one that has ended,
 * or be about to (finish-task.ts).
 * After a crash the sweep rings.
 */
export async function retryTask(redis: Redis, queue: ActivationQueue, request: RetryRequest): Promise<RetryAnswer> {
  const { task } = request;
  const what = `the retry of ${taskId(task)}`;
  for (;;) {
    const before = await readEnd(redis, task);
    if (before === undefined) return { outcome: "missing" };
    await putBack(redis, task, 0);
    const [outcome, first, ...ids] = listOf(what, await runRetry(redis, request, before));
    switch (outcome) {
      case "moved":
        continue;
      case "missing":
      case "nothing-open":
      case "erased":
        return { outcome };
      case "not-failed":
        return { outcome, phase: readTaskPhase(what, first) };
      case "retried": {
        await putBack(redis, task, BEHIND);
        const terms = readTerms(what, first);
        const bells = textsOf(what, ids).map((activation) => ({ task, activation, terms }));
        await queue.ring(bells);
        await queue.bringForward(bells);
        return { outcome };
      }
      default:
        throw corrupt(what, `\`${String(outcome)}\` is unknown`);
    }
  }
}

interface End {
  readonly head: ChainHead;
  readonly graph: GraphState;
}

async function readEnd(redis: Redis, task: TaskRef): Promise<End | undefined> {
  const what = `the task ${taskId(task)}`;
  const [seq, head, graph] = await ask(redis, () => redis.hmget(taskKeys(task).task, "seq", "head", "graph"));
  if (seq === null || seq === undefined) return undefined;
  return { head: readChainHead(what, seq, head), graph: readGraphState(what, graph) };
}

/** A part of a millisecond: a score that no other entry has, so that nobody takes this one for an earlier one. */
const BEHIND = 0.5;

/** Nobody is forgotten by it: a task that has ended leaves the index with the next sweep. */
async function putBack(redis: Redis, task: TaskRef, more: number): Promise<void> {
  await ask(redis, () => redis.zadd(environmentKeys(task.env).live, Date.now() + more, taskMember(task)));
}

function runRetry(redis: Redis, { task, drafts, restart, resetBudget }: RetryRequest, before: End): Promise<unknown> {
  const keys = taskKeys(task);
  const anew = restart?.(before.graph);
  const start = anew?.start ?? [];
  return runScript(
    redis,
    RETRY,
    [keys.task, keys.activations, keys.order, keys.open, keys.journal, keys.approvals],
    [
      anew === undefined ? "" : JSON.stringify(anew.state),
      resetBudget ? 1 : 0,
      start.length,
      ...recordArguments({ after: before.head, events: chainEvents(taskId(task), before.head, drafts) }),
      ...start.flatMap(({ id, agent }) => [id, agent]),
    ],
  );
}
