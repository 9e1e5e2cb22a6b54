// Appends to a task's trace under a lease: events, steps, ledger and chain head change together or not at all.
import type { ApprovalRequest } from "../../contracts/approval.ts";
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import { readChainHead, recordArguments, type TraceRecord } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { budgetKeys, stepsKey, taskKeys } from "../keys.ts";
import { type Ledger, readToldLedger } from "../ledger.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HOLDS, LEDGER, RECORD } from "./lua.ts";
import { readAmounts, SHARED_LEDGERS, type SharedChange, sharedArguments } from "./shared-ledgers.ts";

/** What becomes of an approval in one piece with a record. */
export type ApprovalChange =
  /** A question is asked, in place of `replaces`. */
  | { readonly kind: "request"; readonly request: ApprovalRequest; readonly replaces: string | null }
  /** The approved call, or turn, begins: only once, and only in time. */
  | { readonly kind: "use"; readonly id: string }
  /** A turn that began under it is tried again, for it has no answer: only in time. */
  | { readonly kind: "use-again"; readonly id: string }
  /** Nobody answered, or used the answer, in time. */
  | { readonly kind: "expire"; readonly id: string };

export interface AppendRequest extends TraceRecord {
  readonly approval?: ApprovalChange;
  readonly shared?: SharedChange;
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
  /** The approval that was to be used cannot be used (any more): nothing was written. */
  | { readonly outcome: "unapproved"; readonly ledger: Ledger }
  | { readonly outcome: "over-budget"; readonly ledger: Ledger }
  /** Ledgers that tasks share have no room, or more was spent of them than was known: nothing was written. */
  | { readonly outcome: "over-shared"; readonly ledger: Ledger; readonly spent: Readonly<Record<string, number>> };

/**
 * KEYS  1 task · 2 activations · 3 journal · 4 steps of this activation · 5 approvals
 * ARGV  1 activation · 2 holder · 3 epoch · from 4 the record (see RECORD) · the last five: what becomes of an approval
 *       (`request`, `use`, `use-again`, `expire` or ''), its id, that of the one that it replaces or '', ms for which it
 *       stands, its text
 * Answers {outcome, seq, head, ledger}.
 * Invariants: nothing is written without a live lease of this epoch, behind any other head, over the budget, or
 * under an approval that is not there, was used (but by the turn that is tried again) or has expired by Redis' own clock. A command
 * that was carried out and is repeated, because its answer was lost on the way, is answered as it was the first time.
 */
const APPEND = defineScript(appendScript());

/**
 * KEYS  6 shared budgets · 7 when each is forgotten · 8 reservations · 9 since when each stands
 * ARGV  between the record and the last five: `reserve`, id, 1 or '' for `anyway`, claims (see LOOK_AT) · or `settle`, id,
 *       tokens and millionths of a US dollar that were used, or ''
 * Answers also the amounts before of each claim where it is over-shared.
 * Invariants, besides those of APPEND: what is shared changes with the record or not at all, and not again where the
 * command is repeated. Nothing is counted where one limit would be exceeded. What is counted comes back only by the
 * settlement of this very reservation: one whose runner is lost stays spent at its estimate.
 */
const APPEND_SHARED = defineScript(
  appendScript({
    pieces: SHARED_LEDGERS,
    check: `
local shared = { budgets = KEYS[6], until_when = KEYS[7], reservations = KEYS[8], since = KEYS[9] }
local at, claims = record_end(4), nil
if ARGV[at] == 'reserve' then
  clear_away(shared)
  local is_over, is_watched
  claims, is_over, is_watched = look_at(shared.budgets, at + 3, #ARGV - 5, true)
  if is_over or (is_watched and ARGV[at + 2] == '') then
    return { 'over-shared', seq, head, told(ledger), amounts_before(claims) }
  end
end`,
    write: `
if claims then
  reserve(shared, ARGV[at + 1], claims)
else
  settle(shared, ARGV[at + 1], { tokens = ARGV[at + 2], micro_usd = ARGV[at + 3] })
end`,
  }),
);

interface Beside {
  readonly pieces: string;
  /** May answer before anything is written. */
  readonly check: string;
  readonly write: string;
}

function appendScript(beside: Beside = { pieces: "", check: "", write: "" }): string {
  return `${HOLDS}${RECORD}${beside.pieces}
local task, activations, journal, steps, approvals = unpack(KEYS)
local change, approval, replaced, ttl, question = unpack(ARGV, #ARGV - 4)
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', ${LEDGER})
local phase, seq, head = unpack(found, 1, 3)
local ledger = ledger_in(found, 4)
if not holds(phase, activations, ARGV[1], ARGV[2], ARGV[3]) then return { 'lease-lost' } end
if not is_next(seq, head, 4) then
  return { is_repeated(journal, 4) and 'appended' or 'moved', seq, head, told(ledger) }
end
local after = charged(ledger, 4)
if not after then return { 'over-budget', seq, head, told(ledger) } end
local usable = ({ use = 'Approved', ['use-again'] = 'Used' })[change]
if usable and (redis.call('HGET', approvals, approval .. '/phase') ~= usable
    or tonumber(redis.call('HGET', approvals, approval .. '/until')) <= now) then
  return { 'unapproved', seq, head, told(ledger) }
end${beside.check}
seq, head = write_record(task, journal, steps, after, 4)${beside.write}
if change == 'use' then
  redis.call('HSET', approvals, approval .. '/phase', 'Used')
elseif change == 'expire' then
  redis.call('HSET', approvals, approval .. '/phase', 'Expired')
elseif change == 'request' then
  if replaced ~= '' then redis.call('HSET', approvals, replaced .. '/phase', 'Void') end
  redis.call('HSET', approvals, approval, question, approval .. '/phase', 'Pending',
    approval .. '/activation', ARGV[1], approval .. '/until', string.format('%d', now + ttl))
  redis.call('HSET', activations, ARGV[1] .. '/approval', approval)
end
return { 'appended', seq, head, told(after) }
`;
}

export async function appendEvents(redis: Redis, request: AppendRequest): Promise<Appended> {
  const { task, activation, holder, epoch } = request;
  const keys = taskKeys(task);
  const what = `the append to ${task.namespace}/${task.name}`;
  const script = [keys.task, keys.activations, keys.journal, stepsKey(task, activation), keys.approvals];
  const record = [activation, holder, epoch, ...recordArguments(request)];
  const approval = approvalArguments(request.approval);
  const { shared } = request;
  const answer = await (shared === undefined
    ? runScript(redis, APPEND, script, [...record, ...approval])
    : runScript(
        redis,
        APPEND_SHARED,
        [...script, ...sharedKeys(task)],
        [...record, ...sharedArguments(shared), ...approval],
      ));
  return readAppended(what, listOf(what, answer), shared);
}

function sharedKeys({ env }: TaskRef): string[] {
  const { budgets, until, reservations, since } = budgetKeys(env);
  return [budgets, until, reservations, since];
}

function readAppended(
  what: string,
  [outcome, seq, head, ledger, amounts]: readonly unknown[],
  shared: SharedChange | undefined,
): Appended {
  switch (outcome) {
    case "over-shared": {
      const claims = shared?.kind === "reserve" ? shared.claims : [];
      return { outcome, ledger: readToldLedger(what, ledger), spent: readAmounts(what, claims, listOf(what, amounts)) };
    }
    case "appended":
    case "moved":
      return { outcome, head: readChainHead(what, seq, head), ledger: readToldLedger(what, ledger) };
    case "unapproved":
    case "over-budget":
      return { outcome, ledger: readToldLedger(what, ledger) };
    case "lease-lost":
      return { outcome };
    default:
      throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  }
}

function approvalArguments(change: ApprovalChange | undefined): (string | number)[] {
  switch (change?.kind) {
    case undefined:
      return ["", "", "", 0, ""];
    case "request": {
      const { request, replaces } = change;
      return ["request", request.id, replaces ?? "", Math.round(request.terms.ttlMs), JSON.stringify(request)];
    }
    case "use":
    case "use-again":
    case "expire":
      return [change.kind, change.id, "", 0, ""];
  }
}
