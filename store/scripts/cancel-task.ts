// Records the wish that a task stop, and lets runners at the activations that wait for a person or for their next try.
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../connect.ts";
import { taskKeys } from "../keys.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HAS_ENDED } from "./lua.ts";

/**
 * KEYS  1 task · 2 activations · 3 open
 * ARGV  1 who wants it
 * Answers 'requested', 'ended' or 'missing'.
 */
const CANCEL = defineScript(`${HAS_ENDED}
local task, activations, open = unpack(KEYS)
local phase = redis.call('HGET', task, 'phase')
if not phase then return 'missing' end
if has_ended[phase] then return 'ended' end
redis.call('HSET', task, 'cancel', '1', 'cancelledBy', ARGV[1])
for _, id in ipairs(redis.call('SMEMBERS', open)) do
  local found = redis.call('HGET', activations, id .. '/phase')
  if found == 'Unknown' or found == 'Waiting' or found == 'Runnable' then
    redis.call('HSET', activations, id .. '/phase', 'Runnable', id .. '/runnableAt', 0)
  end
end
return 'requested'
`);

export async function cancelTask(redis: Redis, ref: TaskRef, by: string): Promise<"requested" | "ended" | "missing"> {
  const keys = taskKeys(ref);
  const answer = await runScript(redis, CANCEL, [keys.task, keys.activations, keys.open], [by]);
  if (answer === "requested" || answer === "ended" || answer === "missing") return answer;
  throw corrupt(`the answer to the cancellation of ${ref.name}`, `\`${String(answer)}\` is unknown`);
}
