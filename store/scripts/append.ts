// Appends to a task's trace under a lease: events, step, ledger and chain head change together or not at all.
import type { StepRecord } from "../../contracts/step.ts";
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import { chainArguments, checkLinks, readChainHead } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import { type Charge, chargeArguments, type Ledger, readLedger } from "../ledger.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HOLDS, JOURNAL, LEDGER } from "./lua.ts";

export interface AppendRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  /** The head that `events` were chained behind. */
  readonly after: ChainHead;
  readonly events: readonly TraceEvent[];
  readonly step?: StepRecord;
  readonly charge?: Charge;
}

export type Appended =
  | { readonly outcome: "appended"; readonly head: ChainHead; readonly ledger: Ledger }
  /** Another activation of the task appended: chain behind `head` and try again. */
  | { readonly outcome: "moved"; readonly head: ChainHead; readonly ledger: Ledger }
  | { readonly outcome: "lease-lost" }
  | { readonly outcome: "over-budget"; readonly ledger: Ledger };

/**
 * KEYS  1 task · 2 activations · 3 journal · 4 steps of this activation
 * ARGV  1 activation · 2 holder · 3 epoch · 4 step id or '' · 5 step · 6 charge's kind or '' · 7-10 its amounts ·
 *       11 seq and 12 head expected · 13 seq and 14 hash of the last event · 15 number of events · hash and text of each
 * Answers {outcome, seq, head, ledger}.
 * Invariants: nothing is written without a live lease of this epoch, behind any other head, or over the budget. A command
 * that was carried out and is repeated, because its answer was lost on the way, is answered as it was the first time.
 */
const APPEND = defineScript(`${HOLDS}${JOURNAL}${LEDGER}
local task, activations, journal, steps = unpack(KEYS)
local function answer(outcome)
  local chain = redis.call('HMGET', task, 'seq', 'head')
  return { outcome, chain[1], chain[2], ledger_of(task) }
end
if not holds(task, activations, ARGV[1], ARGV[2], ARGV[3]) then return { 'lease-lost' } end
local chain = redis.call('HMGET', task, 'seq', 'head')
if chain[1] ~= ARGV[11] or chain[2] ~= ARGV[12] then
  return answer(is_repeated(journal, ARGV[13], ARGV[14]) and 'appended' or 'moved')
end
local kind = ARGV[6]
local ledger = ledger_of(task)
if kind == 'reserve' and ARGV[8] ~= '' and ledger[1] + ledger[2] + ledger[3] + ARGV[7] > tonumber(ARGV[8]) then
  return answer('over-budget')
end

local seq, head = write_events(journal, tonumber(chain[1]), chain[2], 16, tonumber(ARGV[15]))
redis.call('HSET', task, 'seq', string.format('%d', seq), 'head', head)
if ARGV[4] ~= '' then redis.call('HSET', steps, ARGV[4], ARGV[5]) end
if kind == 'reserve' then
  redis.call('HINCRBY', task, 'reservedTokens', ARGV[7])
elseif kind == 'settle' or kind == 'release' then
  redis.call('HSET', task, 'reservedTokens', string.format('%d', math.max(0, ledger[3] - ARGV[7])))
end
if kind == 'settle' then
  redis.call('HINCRBY', task, 'inputTokens', ARGV[8])
  redis.call('HINCRBY', task, 'outputTokens', ARGV[9])
  if ARGV[10] == '' or ledger[4] == '' then
    redis.call('HSET', task, 'costUsd', '')
  else
    redis.call('HINCRBYFLOAT', task, 'costUsd', ARGV[10])
  end
end
return answer('appended')
`);

/** A charge belongs to an event: only with one is a repeated command recognised, and charged once. */
export async function appendEvents(redis: Redis, request: AppendRequest): Promise<Appended> {
  const { task, activation, after, events, step } = request;
  checkLinks(after, events);
  const keys = taskKeys(task);
  const what = `the append to ${task.namespace}/${task.name}`;
  const answer = await runScript(
    redis,
    APPEND,
    [keys.task, keys.activations, keys.journal, stepsKey(task, activation)],
    [
      activation,
      request.holder,
      request.epoch,
      ...(step === undefined ? ["", ""] : [step.step, JSON.stringify(step)]),
      ...chargeArguments(request.charge),
      ...chainArguments(after, events),
    ],
  );
  return readAppended(what, listOf(what, answer));
}

function readAppended(what: string, [outcome, seq, head, ledger]: readonly unknown[]): Appended {
  switch (outcome) {
    case "appended":
    case "moved":
      return { outcome, head: readChainHead(what, seq, head), ledger: readLedger(what, ledger) };
    case "over-budget":
      return { outcome, ledger: readLedger(what, ledger) };
    case "lease-lost":
      return { outcome };
    default:
      throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  }
}
