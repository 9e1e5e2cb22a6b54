// Drops an ended task with all of its keys. For an hour its name stays taken, for whoever was about to make it again.
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../connect.ts";
import { stepsKey, taskKeys } from "../keys.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HAS_ENDED } from "./lua.ts";

/**
 * KEYS  1 task · 2 order · the task's other keys, the steps of each activation among them
 * ARGV  1 how many activations the caller knows · 2 for how many milliseconds the name stays taken
 * Answers 'dropped', 'missing', 'going' (it has not ended) or 'moved' (it has more activations: read them again).
 * Invariant: a task that may still write or be written to keeps everything. What stays is an ended phase at no place in a
 * trace: a late creation of the same task answers that it exists, and a late reader that there is nothing more to read.
 */
const DROP = defineScript(`${HAS_ENDED}
local task, order = KEYS[1], KEYS[2]
local found = redis.call('HMGET', task, 'phase', 'droppedAt')
if not found[1] or found[2] then return 'missing' end
if not has_ended[found[1]] then return 'going' end
if redis.call('LLEN', order) ~= tonumber(ARGV[1]) then return 'moved' end
redis.call('DEL', unpack(KEYS))
redis.call('HSET', task, 'phase', found[1], 'seq', 0, 'droppedAt', redis.call('TIME')[1])
redis.call('PEXPIRE', task, ARGV[2])
return 'dropped'
`);

export type DropScriptAnswer = "dropped" | "missing" | "going" | "moved";

export async function dropTaskKeys(
  redis: Redis,
  ref: TaskRef,
  activations: readonly string[],
  nameTakenMs: number,
): Promise<DropScriptAnswer> {
  const { task, order, ...others } = taskKeys(ref);
  const steps = activations.map((activation) => stepsKey(ref, activation));
  const keys = [task, order, ...Object.values(others), ...steps];
  const answer = await runScript(redis, DROP, keys, [activations.length, nameTakenMs]);
  if (answer === "dropped" || answer === "missing" || answer === "going" || answer === "moved") return answer;
  throw corrupt(`the answer to the drop of ${ref.name}`, `\`${String(answer)}\` is unknown`);
}
