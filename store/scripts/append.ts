// Appends to a task's trace under a lease: events, steps, ledger and chain head change together or not at all.
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import { readChainHead, recordArguments, type TraceRecord } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import { type Ledger, readLedger } from "../ledger.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HOLDS, RECORD } from "./lua.ts";

export interface AppendRequest extends TraceRecord {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
}

export type Appended =
  | { readonly outcome: "appended"; readonly head: ChainHead; readonly ledger: Ledger }
  /** Another activation of the task appended: chain behind `head` and try again. */
  | { readonly outcome: "moved"; readonly head: ChainHead; readonly ledger: Ledger }
  | { readonly outcome: "lease-lost" }
  | { readonly outcome: "over-budget"; readonly ledger: Ledger };

/**
 * KEYS  1 task · 2 activations · 3 journal · 4 steps of this activation
 * ARGV  1 activation · 2 holder · 3 epoch · from 4 the record (see RECORD)
 * Answers {outcome, seq, head, ledger}.
 * Invariants: nothing is written without a live lease of this epoch, behind any other head, or over the budget. A command
 * that was carried out and is repeated, because its answer was lost on the way, is answered as it was the first time.
 */
const APPEND = defineScript(`${HOLDS}${RECORD}
local task, activations, journal, steps = unpack(KEYS)
local phase, seq, head, input, output, reserved, cost = unpack(redis.call('HMGET', task, 'phase', 'seq', 'head',
  'inputTokens', 'outputTokens', 'reservedTokens', 'costUsd'))
local ledger = { input, output, reserved, cost }
if not holds(phase, activations, ARGV[1], ARGV[2], ARGV[3]) then return { 'lease-lost' } end
if not is_next(seq, head, 4) then
  return { is_repeated(journal, 4) and 'appended' or 'moved', seq, head, ledger }
end
local after = charged(ledger, 4)
if not after then return { 'over-budget', seq, head, ledger } end
seq, head = write_record(task, journal, steps, after, 4)
return { 'appended', seq, head, after }
`);

export async function appendEvents(redis: Redis, request: AppendRequest): Promise<Appended> {
  const { task, activation, holder, epoch } = request;
  const keys = taskKeys(task);
  const what = `the append to ${task.namespace}/${task.name}`;
  const script = [keys.task, keys.activations, keys.journal, stepsKey(task, activation)];
  const answer = await runScript(redis, APPEND, script, [activation, holder, epoch, ...recordArguments(request)]);
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
