// Finishes off a task that ended: its outcome goes into the outbox and a note to the audit log, and it leaves the live index. Safe to repeat.
import { outboxSubject } from "../contracts/outbox.ts";
import { hasEnded, type TaskRef } from "../contracts/task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, taskKeys, taskMember } from "./keys.ts";
import { OUTBOX_SUBJECTS } from "./outbox.ts";
import { pushEnd } from "./scripts/push-outbox.ts";
import { readTaskPhase } from "./task-fields.ts";

/**
 * A task that is still live, because nobody came here, is finished off by the sweep. A person may let it go on meanwhile,
 * and the index is in another slot than the task, so no script sees both: the task is looked at between two looks at the
 * index, and leaves it only where the two agree. Whoever retries a task puts it into the index behind the retry, too.
 */
export async function finishTask(redis: Redis, task: TaskRef): Promise<void> {
  const entry = { kind: "task", task } as const;
  const member = taskMember(task);
  // In this order, on one connection.
  const [score, phase] = await Promise.all([
    ask(redis, () => redis.zscore(environmentKeys(task.env).live, member)),
    ask(redis, () => redis.hget(taskKeys(task).task, "phase")),
  ]);
  if (phase !== null && !hasEnded(readTaskPhase(`the task ${member}`, phase))) return;
  const end = [outboxSubject(entry), JSON.stringify(entry), member, score ?? ""] as const;
  await pushEnd(redis, task.env, end, OUTBOX_SUBJECTS);
}
