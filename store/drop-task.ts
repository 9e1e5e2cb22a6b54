// Forgets a task that ended: its keys and its places in the indexes, once the audit log tells where its trace ended. The
// one way in which a task leaves Redis.
import type { TaskRef } from "../contracts/task.ts";
import { ask, askAll } from "./ask.ts";
import { tellDroppedTask } from "./audit-tasks.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, taskKeys, taskMember } from "./keys.ts";
import { dropTaskKeys } from "./scripts/drop-task.ts";

/** `going`: it has not ended, or its end has not been told yet; ask again later. */
export type DropAnswer = "dropped" | "missing" | "going";

/** A maker that was paused for longer than this before it made the task anew is given up for dead. */
const NAME_TAKEN_MS = 3_600_000;

/** Safe to repeat, and on several processes at once: after a crash between keys and index the next call ends it. */
export async function dropTask(redis: Redis, ref: TaskRef): Promise<DropAnswer> {
  const { tasks, live, asking } = environmentKeys(ref.env);
  const member = taskMember(ref);
  // A live task is still to be finished off: only then its outcome is in the outbox.
  if ((await ask(redis, () => redis.zscore(live, member))) !== null) return "going";
  await tellDroppedTask(redis, ref);
  const answer = await dropKeys(redis, ref);
  if (answer !== "going") await ask(redis, () => redis.pipeline().zrem(tasks, member).zrem(asking, member).exec());
  return answer;
}

async function dropKeys(redis: Redis, ref: TaskRef): Promise<DropAnswer> {
  for (;;) {
    const [order] = await askAll(redis, () => redis.pipeline().lrange(taskKeys(ref).order, 0, -1).exec());
    const answer = await dropTaskKeys(redis, ref, Array.isArray(order) ? order.map(String) : [], NAME_TAKEN_MS);
    if (answer !== "moved") return answer;
  }
}
