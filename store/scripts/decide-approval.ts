// Ends a question: it is approved, denied, or its time is over. The activation that waits for it may go on.
import type { ApprovalWord } from "../../contracts/approval.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents, type TraceDraft } from "../../contracts/trace.ts";
import { readTerms } from "../bell-terms.ts";
import { readChainHead, readHead, recordArguments } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { taskKeys } from "../keys.ts";
import type { ActivationQueue } from "../queue.ts";
import { corrupt, listOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HAS_ENDED, NOW, RECORD, SETTLE_PHASE } from "./lua.ts";

export interface Ruling {
  readonly task: TaskRef;
  readonly id: string;
  readonly to: "Approved" | "Denied" | "Expired";
  /** Absent: nobody said anything, and the time is over. */
  readonly word?: ApprovalWord;
  readonly drafts: readonly TraceDraft[];
}

export type Ruled =
  | { readonly outcome: "ruled" }
  | { readonly outcome: "missing" }
  /** Its task has ended. */
  | { readonly outcome: "ended" }
  /** It was answered, used or replaced before. */
  | { readonly outcome: "settled"; readonly phase: string }
  /** There is no time left for an answer. */
  | { readonly outcome: "expired" }
  /** There is still time for one. */
  | { readonly outcome: "early" };

/**
 * KEYS  1 task · 2 activations · 3 open · 4 journal · 5 approvals
 * ARGV  1 approval · 2 its new phase · 3 the word of a person or '' · from 4 the record (see RECORD), of events alone
 * Answers {'ruled', priority, activation, whether it may be claimed}, {'moved', seq, head}, {'settled', phase}, {'missing'},
 * {'ended'}, {'expired'} or {'early'}.
 * Invariants: a question is answered once, and in time by Redis' own clock. An activation that is still held, because its
 * runner has not given it back yet, is left to that runner: the release sees the answer. Waiting is no time at work: the
 * activation counts as begun later by it.
 */
const RULE = defineScript(`${NOW}${HAS_ENDED}${RECORD}${SETTLE_PHASE}
local task, activations, open, journal, approvals = unpack(KEYS)
local id, to = ARGV[1], ARGV[2]
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', 'priority')
local question = redis.call('HMGET', approvals, id .. '/phase', id .. '/activation', id .. '/until')
if not found[1] or not question[1] then return { 'missing' } end
local activation = question[2]
local function ruled()
  local phase = redis.call('HGET', activations, activation .. '/phase')
  return { 'ruled', found[4], activation, phase == 'Runnable' and 1 or 0 }
end
if is_repeated(journal, 4) then return ruled() end
if question[1] ~= 'Pending' then return { 'settled', question[1] } end
if has_ended[found[1]] then return { 'ended' } end
local is_over = tonumber(question[3]) <= now
if to == 'Expired' and not is_over then return { 'early' } end
if to ~= 'Expired' and is_over then return { 'expired' } end
if not is_next(found[2], found[3], 4) then return { 'moved', found[2], found[3] } end

write_record(task, journal, '', nil, 4)
redis.call('HSET', approvals, id .. '/phase', to)
if ARGV[3] ~= '' then redis.call('HSET', approvals, id .. '/word', ARGV[3]) end
local waits = redis.call('HMGET', activations, activation .. '/phase', activation .. '/approval')
if waits[1] == 'Waiting' and waits[2] == id then
  redis.call('HSET', activations, activation .. '/phase', 'Runnable', activation .. '/runnableAt', 0)
  local since = redis.call('HGET', activations, activation .. '/waitingSinceMs')
  if since then redis.call('HINCRBY', activations, activation .. '/startedAtMs', string.format('%d', now - since)) end
  settle_phase(task, activations, open)
end
return ruled()
`);

/** Afterwards rings for the activation; the sweep does where the caller dies before. */
export async function ruleApproval(redis: Redis, queue: ActivationQueue, ruling: Ruling): Promise<Ruled> {
  const { task, id } = ruling;
  const what = `the answer to the approval ${id} of ${taskId(task)}`;
  for (let after = await readHead(redis, task); ; ) {
    const [outcome, first, second, third] = listOf(what, await runRule(redis, ruling, after));
    switch (outcome) {
      case "moved":
        after = readChainHead(what, first, second);
        continue;
      case "ruled":
        if (third === 1) await queue.ring([{ task, activation: textOf(what, second), terms: readTerms(what, first) }]);
        return { outcome };
      case "settled":
        return { outcome, phase: textOf(what, first) };
      case "missing":
      case "ended":
      case "expired":
      case "early":
        return { outcome };
      default:
        throw corrupt(what, `\`${String(outcome)}\` is unknown`);
    }
  }
}

function runRule(redis: Redis, { task, id, to, word, drafts }: Ruling, after: ChainHead): Promise<unknown> {
  const keys = taskKeys(task);
  const script = [keys.task, keys.activations, keys.open, keys.journal, keys.approvals];
  const record = recordArguments({ after, events: chainEvents(taskId(task), after, drafts) });
  return runScript(redis, RULE, script, [id, to, word === undefined ? "" : JSON.stringify(word), ...record]);
}
