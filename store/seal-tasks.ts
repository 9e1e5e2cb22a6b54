// Seals the tasks that have not ended with the first state key: those of a time without one, or with another that is known.
import { taskId } from "../contracts/new-task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, parseTaskMember, taskKeys } from "./keys.ts";
import { fieldsIn } from "./reply.ts";
import { sealingOf } from "./state.ts";
import { checkTaskSeal, sealTask } from "./task-seal.ts";

/**
 * Answers how many. What is there is believed once more, as by `sealState`; nothing of what is sealed changes while a task
 * lives. Throws PermanentFailure STATE_CORRUPT or STATE_KEY_MISSING, naming the task.
 */
export async function sealTasks(redis: Redis, env: string): Promise<number> {
  const sealing = sealingOf(redis, env);
  const members = await ask(redis, () => redis.zrange(environmentKeys(env).live, 0, "-1"));
  let sealed = 0;
  for (const ref of members.flatMap((member) => parseTaskMember(env, member) ?? [])) {
    const id = taskId(ref);
    const { task } = taskKeys(ref);
    const fields = fieldsIn(`the task ${id}`, await ask(redis, () => redis.hgetall(task)));
    // Ordered and not made yet, or gone already.
    if (fields["system"] === undefined) continue;
    checkTaskSeal({ ...sealing, believesUnsealed: true }, id, fields);
    await ask(redis, () => redis.hset(task, "seal", sealTask(sealing, id, fields)));
    sealed += 1;
  }
  return sealed;
}
