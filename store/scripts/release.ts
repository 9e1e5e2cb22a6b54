// Gives an activation back with its outcome: trace, graph, the activations that it starts and the task's end in one script.
import type { FailureRecord } from "../../contracts/failure.ts";
import { type GraphState, ofAgent } from "../../contracts/graph.ts";
import {
  type ActivationId,
  type ActivationPhase,
  hasEnded,
  type Message,
  type TaskPhase,
  type TaskRef,
} from "../../contracts/task.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import { readTerms } from "../bell-terms.ts";
import { callRunners } from "../calls.ts";
import { readChainHead, recordArguments, type TraceRecord } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { finishTask } from "../finish-task.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import { type Ledger, readToldLedger } from "../ledger.ts";
import { pushOutbox } from "../outbox.ts";
import type { ActivationQueue } from "../queue.ts";
import { corrupt, listOf, textOrNull } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { readGraphState } from "../task-fields.ts";
import { HOLDS, LEDGER, RECORD, SETTLE_PHASE } from "./lua.ts";

export interface StartedActivation {
  readonly id: ActivationId;
  readonly agent: string;
  readonly messages: readonly Message[];
}

/** `after` is the head that `graph` was computed at, too. */
export interface ReleaseRequest extends TraceRecord {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  /** `Runnable`: to be tried again, after `runnableInMs`; the caller asks its worker for the delay of the bell. */
  readonly phase: Exclude<ActivationPhase, "Leased">;
  readonly runnableInMs?: number;
  /** The attempt ends for a reason that is none of the task's, and does not count. */
  readonly uncounted?: true;
  readonly graph: GraphState;
  readonly start: readonly StartedActivation[];
  readonly taskPhase?: TaskPhase;
  /** Of the task. `last_output` is filled from the graph where the caller leaves it out. */
  readonly output?: Readonly<Record<string, string>>;
  readonly lastError?: FailureRecord;
  /** The holder goes on with the first of `start` itself, under a lease of this length; nobody rings for it. */
  readonly goOnMs?: number;
  /** What the holder writes first of that one, behind `events`: written only where it may go on, and nobody wants it to stop. */
  readonly next?: TraceRecord;
}

/** What the holder of a released activation has in hand for the first that it started: its lease, under epoch 1. */
export interface GoOn {
  readonly cancelRequested: boolean;
  readonly cancelledBy: string | null;
  readonly ledger: Ledger;
  /** Whether `next` was written, too. */
  readonly wroteNext: boolean;
}

export type Released =
  /** `goOn` only where it was asked for, and granted. `atOnce`: what it was to wait for is there, it may be claimed. */
  | { readonly outcome: "released"; readonly head: ChainHead; readonly goOn?: GoOn; readonly atOnce: boolean }
  /** Another activation of the task appended: compute anew from these. */
  | { readonly outcome: "moved"; readonly head: ChainHead; readonly graph: GraphState; readonly ledger: Ledger }
  | { readonly outcome: "lease-lost" };

/**
 * KEYS  1 task · 2 activations · 3 order · 4 open · 5 journal · 6 steps of this activation · 7 approvals · 8 steps of the one
 *       that the holder goes on with
 * ARGV  1 activation · 2 holder · 3 epoch · 4 its new phase · 5 ms until it is runnable · 6 graph · 7 task's phase or '' ·
 *       8 output or '' · 9 last error or '' · 10 number of activations to start · 11 whether 7 ends the task, 1 or 0 ·
 *       12 attempts that do not count · 13 ms of the lease under which the holder goes on with the first of 10, or '' ·
 *       from 14 the record (see RECORD; nobody is refused for what was spent already) ·
 *       then id, agent and messages of each activation to start · then, or nothing, the record that the holder writes first
 *       of what it goes on with
 * Answers {'released', seq, head, priority, whether the holder goes on, cancel wish, whose it is, ledger, whether it may go on at
 * once, whether the last record was written, too},
 * {'moved', seq, head, graph, ledger} or {'lease-lost'}. One that is to wait for an approval that was given in the meantime
 * becomes Runnable: the eighth element after 'released' is 1.
 * Invariants: as in append; besides, the graph changes only here, so a graph computed at the head that is still the head
 * is the newest one, and two branches that end at once cannot lose each other's arrival. An activation that is done will
 * never be taken up again: its steps go with it. One with which its task fails stays open, for a retry. A holder goes on
 * only with what this very command made: epoch 1, attempt 1. The record of that one is left out where the task is to stop,
 * or where it would go over the budget: the release does not fail with it.
 */
const RELEASE = defineScript(`${HOLDS}${RECORD}${SETTLE_PHASE}
local task, activations, order, open, journal, steps, approvals = unpack(KEYS)
local id = ARGV[1]
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', 'priority', 'cancel', 'cancelledBy', ${LEDGER})
local phase, seq, head, priority, cancel, canceller = unpack(found, 1, 6)
local ledger = ledger_in(found, 7)
local target = ARGV[4]
if target == 'Waiting' then
  local approval = redis.call('HGET', activations, id .. '/approval') or ''
  if redis.call('HGET', approvals, approval .. '/phase') ~= 'Pending' then target = 'Runnable' end
end
local first_start = record_end(14)
local next_record = first_start + 3 * ARGV[10]
local function released(goes_on, wrote_next)
  local at_once = target ~= ARGV[4] and 1 or 0
  return { 'released', seq, head, priority, goes_on and 1 or 0, cancel or '', canceller or '', told(ledger), at_once,
    wrote_next and 1 or 0 }
end
local is_held = holds(phase, activations, id, ARGV[2], ARGV[3])
-- Only where it cannot be carried out it may be a repetition: the first time took the lease and moved the head.
if not is_held or not is_next(seq, head, 14) then
  if seq and is_repeated(journal, 14) then
    local goes_on = ARGV[13] ~= '' and holds(phase, activations, ARGV[first_start], ARGV[2], '1')
    return released(goes_on, goes_on and ARGV[next_record] and is_repeated(journal, next_record))
  end
  if not is_held then return { 'lease-lost' } end
  return { 'moved', seq, head, redis.call('HGET', task, 'graph'), told(ledger) }
end

local fields = { 'graph', ARGV[6] }
if ARGV[7] ~= '' and ARGV[7] ~= 'WaitingApproval' then put(fields, 'phase', ARGV[7]) end
if ARGV[8] ~= '' then put(fields, 'output', ARGV[8]) end
if ARGV[9] ~= '' or ARGV[7] == 'Succeeded' then put(fields, 'lastError', ARGV[9]) end
if ARGV[11] == '1' then put(fields, 'finishedAtMs', string.format('%d', now)) end
ledger = charged(ledger, 14) or ledger
seq, head = write_record(task, journal, steps, ledger, 14, fields)
redis.call('HSET', activations, id .. '/phase', target, id .. '/until', 0,
  id .. '/runnableAt', string.format('%d', now + ARGV[5]))
if target == 'Waiting' then redis.call('HSET', activations, id .. '/waitingSinceMs', string.format('%d', now)) end
if ARGV[12] ~= '0' then redis.call('HINCRBY', activations, id .. '/attempts', -ARGV[12]) end
if ARGV[4] == 'Done' then redis.call('UNLINK', steps) end
if ARGV[4] == 'Done' or ARGV[11] == '0' and (ARGV[4] == 'Failed' or ARGV[4] == 'Cancelled') then
  redis.call('SREM', open, id)
end
local goes_on = false
for from = first_start, next_record - 1, 3 do
  local started = ARGV[from]
  if redis.call('HSETNX', activations, started .. '/agent', ARGV[from + 1]) == 1 then
    local is_held = from == first_start and ARGV[13] ~= ''
    local made = { started .. '/phase', is_held and 'Leased' or 'Runnable',
      started .. '/holder', is_held and ARGV[2] or '', started .. '/epoch', is_held and 1 or 0,
      started .. '/attempts', is_held and 1 or 0,
      started .. '/until', is_held and string.format('%d', now + ARGV[13]) or 0,
      started .. '/runnableAt', 0, started .. '/messages', ARGV[from + 2] }
    if is_held then put(made, started .. '/startedAtMs', string.format('%d', now)) end
    redis.call('HSET', activations, unpack(made))
    redis.call('RPUSH', order, started)
    redis.call('SADD', open, started)
    goes_on = goes_on or is_held
  end
end
if ARGV[7] == 'WaitingApproval' then settle_phase(task, activations, open) end
local after = goes_on and ARGV[next_record] and cancel ~= '1' and is_next(seq, head, next_record)
  and charged(ledger, next_record)
if not after then return released(goes_on, false) end
ledger = after
seq, head = write_record(task, journal, KEYS[8], ledger, next_record)
return released(true, true)
`);

/**
 * Afterwards rings for what was started, and finishes off a task that ended (outbox, live index). A crash between the
 * script and that is mended by the sweep.
 */
export async function releaseActivation(
  redis: Redis,
  queue: ActivationQueue,
  request: ReleaseRequest,
): Promise<Released> {
  const { task, activation, start } = request;
  const keys = taskKeys(task);
  const what = `the release of ${activation} of ${task.namespace}/${task.name}`;
  const script = [
    keys.task,
    keys.activations,
    keys.order,
    keys.open,
    keys.journal,
    stepsKey(task, activation),
    keys.approvals,
    stepsKey(task, start[0]?.id ?? activation),
  ];
  const answer = listOf(what, await runScript(redis, RELEASE, script, releaseArguments(request)));
  const [outcome, seq, head, detail, ledger] = answer;
  switch (outcome) {
    case "released": {
      const terms = readTerms(what, detail);
      const goOn = readGoOn(what, answer);
      const silent = goOn === undefined ? start : start.slice(1);
      await queue.ring(silent.map(({ id }) => ({ task, activation: id, terms })));
      await afterEnd(redis, request);
      const atOnce = answer[8] === 1;
      return { outcome, head: readChainHead(what, seq, head), atOnce, ...(goOn === undefined ? {} : { goOn }) };
    }
    case "moved":
      return {
        outcome,
        head: readChainHead(what, seq, head),
        graph: readGraphState(what, detail),
        ledger: readToldLedger(what, ledger),
      };
    case "lease-lost":
      return { outcome };
    default:
      throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  }
}

/** A task that fails ends under the hands of its other branches: they are told. One that waits for a person says so. */
async function afterEnd(redis: Redis, { task, taskPhase }: ReleaseRequest): Promise<void> {
  if (taskPhase === undefined) return;
  if (!hasEnded(taskPhase)) return pushOutbox(redis, task.env, { kind: "task", task });
  await finishTask(redis, task);
  if (taskPhase !== "Succeeded") await callRunners(redis, task);
}

function readGoOn(what: string, answer: readonly unknown[]): GoOn | undefined {
  const [goesOn, cancel, canceller, ledger, , wroteNext] = answer.slice(4);
  if (goesOn !== 1) return undefined;
  return {
    cancelRequested: cancel === "1",
    cancelledBy: textOrNull(what, canceller),
    ledger: readToldLedger(what, ledger),
    wroteNext: wroteNext === 1,
  };
}

function releaseArguments(request: ReleaseRequest): (string | number)[] {
  const { taskPhase, lastError } = request;
  return [
    request.activation,
    request.holder,
    request.epoch,
    request.phase,
    request.runnableInMs ?? 0,
    JSON.stringify(request.graph),
    taskPhase ?? "",
    outputText(request),
    lastError === undefined ? "" : JSON.stringify(lastError),
    request.start.length,
    taskPhase !== undefined && hasEnded(taskPhase) ? 1 : 0,
    request.uncounted === true ? 1 : 0,
    request.start.length === 0 ? "" : (request.goOnMs ?? ""),
    ...recordArguments(request),
    ...request.start.flatMap(({ id, agent, messages }) => [id, agent, JSON.stringify(messages)]),
    ...(request.next === undefined ? [] : recordArguments(request.next)),
  ];
}

/** The agent that releases last is the last agent. */
function outputText({ output, graph, activation }: ReleaseRequest): string {
  if (output === undefined) return "";
  const agent = activation.slice(0, activation.lastIndexOf("#"));
  return JSON.stringify({ last_output: ofAgent(graph.outputs, agent) ?? "", ...output });
}
