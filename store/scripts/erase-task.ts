// Puts what is left of an erased trace in the place of the trace, and drops all else that was said in the task.
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../connect.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HAS_ENDED } from "./lua.ts";

export interface Erasure {
  readonly head: ChainHead;
  /** All events, erased or not. */
  readonly events: readonly TraceEvent[];
  /** Of what is left of the erased ones. */
  readonly digest: string;
  readonly activations: readonly string[];
  /** Without the texts of agents. */
  readonly graph: string;
  readonly lastError: string;
  readonly at: string;
}

/**
 * KEYS  1 task · 2 activations · 3 order · 4 journal · 5 memory · 6 its vectors · 7 approvals · 8 artifacts · then the steps of
 *       each activation
 * ARGV  1 seq and 2 head that the trace was read up to · 3 how many activations the caller knows · 4 the digest · 5 when ·
 *       6 graph · 7 last error · from 8 number, hash and text of each event
 * Answers 'erased', 'going' (it has not ended), 'missing' or 'moved' (it is another trace by now: read it again).
 * Invariants: the number and the head of the trace stay. An erased task is never retried: what it would go on with is gone.
 */
const ERASE = defineScript(`${HAS_ENDED}
local task, activations, order, journal = unpack(KEYS)
local found = redis.call('HMGET', task, 'phase', 'seq', 'head', 'droppedAt')
if not found[1] or found[4] then return 'missing' end
if not has_ended[found[1]] then return 'going' end
if found[2] ~= ARGV[1] or found[3] ~= ARGV[2] or redis.call('LLEN', order) ~= tonumber(ARGV[3]) then return 'moved' end
redis.call('DEL', journal)
for from = 8, #ARGV, 3 do
  redis.call('XADD', journal, ARGV[from] .. '-0', 'hash', ARGV[from + 1], 'event', ARGV[from + 2])
end
for index = 5, #KEYS do redis.call('DEL', KEYS[index]) end
for _, field in ipairs(redis.call('HKEYS', activations)) do
  if string.sub(field, -9) == '/messages' then redis.call('HSET', activations, field, '[]') end
end
local output = redis.call('HGET', task, 'output')
redis.call('HSET', task, 'input', '{}', 'output', output ~= '' and '{}' or '', 'graph', ARGV[6], 'lastError', ARGV[7],
  'erased', ARGV[4], 'erasedAt', ARGV[5])
return 'erased'
`);

export type EraseScriptAnswer = "erased" | "going" | "missing" | "moved";

export async function eraseTaskKeys(redis: Redis, ref: TaskRef, erasure: Erasure): Promise<EraseScriptAnswer> {
  const { head, events, digest, activations, graph, lastError, at } = erasure;
  const keys = taskKeys(ref);
  const { task, order, journal, memory, memoryVectors, approvals, artifacts } = keys;
  const steps = activations.map((activation) => stepsKey(ref, activation));
  const entries = events.flatMap((event) => [event.seq, event.hash, JSON.stringify(event)]);
  const answer = await runScript(
    redis,
    ERASE,
    [task, keys.activations, order, journal, memory, memoryVectors, approvals, artifacts, ...steps],
    [head.seq, head.head, activations.length, digest, at, graph, lastError, ...entries],
  );
  if (answer === "erased" || answer === "going" || answer === "missing" || answer === "moved") return answer;
  throw corrupt(`the answer to the erasure of ${taskId(ref)}`, `\`${String(answer)}\` is unknown`);
}
