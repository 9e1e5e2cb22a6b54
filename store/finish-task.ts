// Finishes off a task that ended: its outcome goes into the outbox, then it leaves the live index. Safe to repeat.
import type { TaskRef } from "../contracts/task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, taskMember } from "./keys.ts";
import { pushOutbox } from "./outbox.ts";

/** In this order: after a crash between the two the task is still live, and the sweep repeats both. */
export async function finishTask(redis: Redis, task: TaskRef): Promise<void> {
  await pushOutbox(redis, task.env, { kind: "task", task });
  await ask(redis, () => redis.zrem(environmentKeys(task.env).live, taskMember(task)));
}
