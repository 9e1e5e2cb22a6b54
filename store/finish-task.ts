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
 * In one script: a task that is still live, because nobody came here, is finished off by the sweep. Whoever comes late finds
 * a task that a person has let go on meanwhile: it is put back, or nobody would look after it. The index is in another slot
 * than the task, so no script can do both.
 */
export async function finishTask(redis: Redis, task: TaskRef): Promise<void> {
  const entry = { kind: "task", task } as const;
  const member = taskMember(task);
  await pushEnd(redis, task.env, [outboxSubject(entry), JSON.stringify(entry), member], OUTBOX_SUBJECTS);
  const phase = await ask(redis, () => redis.hget(taskKeys(task).task, "phase"));
  if (phase === null || hasEnded(readTaskPhase(`the task ${member}`, phase))) return;
  await ask(redis, () => redis.zadd(environmentKeys(task.env).live, Date.now(), member));
}
