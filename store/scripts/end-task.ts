// Ends a task from outside of any lease: one that is to be cancelled and that nobody works on, or one whose time is over.
import type { FailureRecord } from "../../contracts/failure.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents, type TraceDraft } from "../../contracts/trace.ts";
import { readChainHead, readHead, recordArguments } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { taskKeys } from "../keys.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HAS_ENDED, NOW, RECORD } from "./lua.ts";

/**
 * cancel: a person wants it to stop, and no live lease is there whose holder would end it · wait: its first claim did not
 * come in time · duration: it has taken longer than it may, also under a live lease, which is lost by it.
 */
export type EndReason = "cancel" | "wait" | "duration";

export interface EndRequest {
  readonly task: TaskRef;
  readonly why: EndReason;
  /** Absent: the task is cancelled. */
  readonly failure?: FailureRecord;
  readonly drafts: readonly TraceDraft[];
}

export type EndAnswer =
  | { readonly outcome: "ended" }
  /** The reason does not hold (any more), the task has ended, or there is none. */
  | { readonly outcome: "left-alone" };

/**
 * KEYS  1 task · 2 activations · 3 open · 4 journal
 * ARGV  1 why · 2 phase · 3 last error or '' · from 4 the record (see RECORD), of events alone
 * Answers {'ended'}, {'left-alone'} or {'moved', seq, head}.
 * Invariants: the reason is checked here, by Redis' own clock. Who holds a lease can write nothing afterwards. Open
 * activations stay open, so that a retry finds them.
 */
const END = defineScript(`${NOW}${HAS_ENDED}${RECORD}
local task, activations, open, journal = unpack(KEYS)
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', 'cancel', 'queuedAtMs', 'waitMs', 'startedAtMs', 'durationMs',
  'pausedMs')
if found[1] and is_repeated(journal, 4) then return { 'ended' } end
if not found[1] or has_ended[found[1]] then return { 'left-alone' } end
local function is_over(since, limit, paused)
  return since and limit and since ~= '' and limit ~= '' and since + limit + (paused or 0) <= now
end
local function is_held()
  for _, id in ipairs(redis.call('SMEMBERS', open)) do
    local lease = redis.call('HMGET', activations, id .. '/phase', id .. '/until')
    if lease[1] == 'Leased' and tonumber(lease[2]) > now then return true end
  end
  return false
end
local holds = ARGV[1] == 'cancel' and found[4] == '1' and not is_held()
  or ARGV[1] == 'wait' and found[1] == 'Pending' and is_over(found[5], found[6])
  or ARGV[1] == 'duration' and found[1] ~= 'WaitingApproval' and is_over(found[7], found[8], found[9])
if not holds then return { 'left-alone' } end
if not is_next(found[2], found[3], 4) then return { 'moved', found[2], found[3] } end

local fields = { 'phase', ARGV[2], 'finishedAtMs', string.format('%d', now) }
if ARGV[3] ~= '' then put(fields, 'lastError', ARGV[3]) end
write_record(task, journal, '', nil, 4, fields)
return { 'ended' }
`);

/** The caller finishes the task off; the sweep does where the caller dies before. */
export async function endTask(redis: Redis, { task, why, failure, drafts }: EndRequest): Promise<EndAnswer> {
  const what = `the end of ${taskId(task)}`;
  const keys = taskKeys(task);
  const script = [keys.task, keys.activations, keys.open, keys.journal];
  const run = (after: ChainHead): Promise<unknown> =>
    runScript(redis, END, script, [
      why,
      failure === undefined ? "Cancelled" : "Failed",
      failure === undefined ? "" : JSON.stringify(failure),
      ...recordArguments({ after, events: chainEvents(taskId(task), after, drafts) }),
    ]);
  for (let after = await readHead(redis, task); ; ) {
    const [outcome, seq, head] = listOf(what, await run(after));
    if (outcome === "ended" || outcome === "left-alone") return { outcome };
    if (outcome !== "moved") throw corrupt(what, `\`${String(outcome)}\` is unknown`);
    after = readChainHead(what, seq, head);
  }
}
