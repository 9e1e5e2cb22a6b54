// Claims an activation: grants its lease under a new epoch, or says why not.
import type { GraphState } from "../../contracts/graph.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { StepRecord } from "../../contracts/step.ts";
import type { ActivationId, Message, TaskRef } from "../../contracts/task.ts";
import type { RetryManner } from "../../contracts/task-rules.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import { type Priority, readTerms } from "../bell-terms.ts";
import { readChainHead } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import type { Ledger } from "../ledger.ts";
import type { Bell } from "../queue.ts";
import { corrupt, fieldsOf, listOf, numberOf, numberOrNull, textOf, textOrNull, textsOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { sealingOf } from "../state.ts";
import { type Fields, ledgerOf, readGraphState, readMessages, readRetry, readStep, readTexts } from "../task-fields.ts";
import { checkTaskSeal } from "../task-seal.ts";
import { HAS_ENDED, NOW } from "./lua.ts";

export interface ClaimRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly leaseMs: number;
}

export interface ClaimedTask {
  readonly system: string;
  readonly manifest: string | null;
  readonly input: Readonly<Record<string, string>>;
  readonly graph: GraphState;
  readonly snapshot: string;
  readonly maxAttempts: number;
  readonly retryBackoffMs: number;
  readonly retry: RetryManner;
  readonly maxTurns: number | null;
  readonly ledger: Ledger;
  readonly createdAt: string;
  /** Since it was made or retried, by Redis' own clock. */
  readonly ageMs: number;
  /** Since its first claim, by the same clock, without the time in which it waited for a person. */
  readonly ranMs: number;
  readonly priority: Priority;
}

export type Claim =
  | {
      readonly outcome: "claimed";
      readonly epoch: number;
      readonly attempt: number;
      /** As for the task: since this activation was claimed first. */
      readonly ranMs: number;
      /** Who held it when its lease lapsed, or this holder's own former life; null: nobody was at work on it. */
      readonly takenOverFrom: string | null;
      /** A person wants the task to stop: release it as Cancelled, start nothing. */
      readonly cancelRequested: boolean;
      /** Who wants it; null: nobody, or nobody knows. */
      readonly cancelledBy: string | null;
      readonly task: ClaimedTask;
      readonly messages: readonly Message[];
      /** Of this activation, in no order. */
      readonly steps: readonly StepRecord[];
      readonly head: ChainHead;
    }
  | { readonly outcome: "held"; readonly holder: string; readonly remainingMs: number }
  | { readonly outcome: "later"; readonly remainingMs: number }
  /**
   * The task or the activation has ended, or the activation waits for a person: the bell rang for nothing. `open`: what of
   * the task may have no bell, because whoever rang this one went on with it, and may have died at it.
   */
  | { readonly outcome: "ended"; readonly open: readonly Bell[] }
  | { readonly outcome: "missing" };

/**
 * KEYS  1 task · 2 activations · 3 steps of this activation · 4 open
 * ARGV  1 activation · 2 holder · 3 lease in ms
 * Answers {'missing'}, {'ended', priority, activations that are leased or runnable}, {'held', holder, ms}, {'later', ms}, or {'claimed', epoch, attempts, former holder or
 * '', messages, task's fields, steps, now, when the activation was claimed first}.
 * Invariants: the epoch grows with every grant; a live lease passes only to its own holder.
 */
const CLAIM = defineScript(`${NOW}${HAS_ENDED}
local task, activations, steps, open = unpack(KEYS)
local id, holder = ARGV[1], ARGV[2]
local task_phase = redis.call('HGET', task, 'phase')
if not task_phase then return { 'missing' } end
local found = redis.call('HMGET', activations, id .. '/phase', id .. '/holder', id .. '/until', id .. '/runnableAt')
if not found[1] then return { 'missing' } end
if has_ended[task_phase] then return { 'ended', '', {} } end
if found[1] ~= 'Runnable' and found[1] ~= 'Leased' then
  local others = {}
  for _, other in ipairs(redis.call('SMEMBERS', open)) do
    local phase = redis.call('HGET', activations, other .. '/phase')
    if phase == 'Runnable' or phase == 'Leased' then table.insert(others, other) end
  end
  return { 'ended', redis.call('HGET', task, 'priority'), others }
end

local former = ''
if found[1] == 'Leased' then
  if tonumber(found[3]) > now and found[2] ~= holder then return { 'held', found[2], tonumber(found[3]) - now } end
  former = found[2]
elseif tonumber(found[4]) > now then
  return { 'later', tonumber(found[4]) - now }
end

local epoch = redis.call('HINCRBY', activations, id .. '/epoch', 1)
local attempts = redis.call('HINCRBY', activations, id .. '/attempts', 1)
redis.call('HSET', activations, id .. '/phase', 'Leased', id .. '/holder', holder,
  id .. '/until', string.format('%d', now + ARGV[3]))
redis.call('HSETNX', activations, id .. '/startedAtMs', string.format('%d', now))
if task_phase == 'Pending' then
  redis.call('HSET', task, 'phase', 'Running', 'startedAtMs', string.format('%d', now))
end
return { 'claimed', epoch, attempts, former, redis.call('HGET', activations, id .. '/messages'),
  redis.call('HGETALL', task), redis.call('HVALS', steps), string.format('%d', now),
  redis.call('HGET', activations, id .. '/startedAtMs') }
`);

/** A holder that claims what it holds already, after a restart under the same id, goes on at once under a new epoch. */
export async function claimActivation(redis: Redis, request: ClaimRequest): Promise<Claim> {
  const { task, activation, holder, leaseMs } = request;
  const keys = taskKeys(task);
  const what = `the activation ${activation} of ${task.namespace}/${task.name}`;
  const script = [keys.task, keys.activations, stepsKey(task, activation), keys.open];
  const answer = listOf(what, await runScript(redis, CLAIM, script, [activation, holder, leaseMs]));
  switch (answer[0]) {
    case "missing":
      return { outcome: "missing" };
    case "ended": {
      const open = textsOf(what, answer[2]);
      if (open.length === 0) return { outcome: "ended", open: [] };
      const terms = readTerms(what, answer[1]);
      return { outcome: "ended", open: open.map((id) => ({ task, activation: id, terms })) };
    }
    case "held":
      return { outcome: "held", holder: textOf(what, answer[1]), remainingMs: numberOf(what, answer[2]) };
    case "later":
      return { outcome: "later", remainingMs: numberOf(what, answer[1]) };
    case "claimed":
      return readClaim(what, answer, (fields) => checkTaskSeal(sealingOf(redis, task.env), taskId(task), fields));
    default:
      throw corrupt(what, `\`${String(answer[0])}\` is unknown`);
  }
}

function readClaim(
  what: string,
  [, epoch, attempt, former, messages, hash, steps, now, began]: readonly unknown[],
  check: (fields: Fields) => void,
): Claim {
  const fields = fieldsOf(what, hash);
  check(fields);
  return {
    outcome: "claimed",
    epoch: numberOf(what, epoch),
    attempt: numberOf(what, attempt),
    ranMs: Math.max(0, numberOf(what, now) - numberOf(what, began)),
    takenOverFrom: textOrNull(what, former),
    cancelRequested: fields["cancel"] === "1",
    cancelledBy: textOrNull(what, fields["cancelledBy"] ?? ""),
    task: readClaimedTask(what, fields, numberOf(what, now)),
    messages: readMessages(what, messages),
    steps: listOf(what, steps).map((step) => readStep(what, step)),
    head: readChainHead(what, fields["seq"], fields["head"]),
  };
}

/** Without the time in which it waited for a person. */
function readRanMs(what: string, fields: Fields, nowMs: number): number {
  const since = (name: string): number => nowMs - (numberOrNull(what, fields[name] ?? "") ?? nowMs);
  return Math.max(0, since("startedAtMs") - since("waitingSinceMs") - numberOf(what, fields["pausedMs"] ?? 0));
}

function readClaimedTask(what: string, fields: Fields, nowMs: number): ClaimedTask {
  return {
    system: textOf(what, fields["system"]),
    manifest: textOrNull(what, fields["manifest"]),
    input: readTexts(what, fields["input"]),
    graph: readGraphState(what, fields["graph"]),
    snapshot: textOf(what, fields["snapshot"]),
    maxAttempts: numberOf(what, fields["maxAttempts"]),
    retryBackoffMs: numberOf(what, fields["retryBackoffMs"]),
    retry: readRetry(what, fields["retry"]),
    maxTurns: numberOrNull(what, fields["maxTurns"]),
    ledger: ledgerOf(what, fields),
    createdAt: textOf(what, fields["createdAt"]),
    ageMs: Math.max(0, nowMs - numberOf(what, fields["queuedAtMs"])),
    ranMs: readRanMs(what, fields, nowMs),
    priority: readTerms(what, fields["priority"]).priority,
  };
}
