// Finishes off a task that ended: its outcome goes into the outbox and a note to the audit log, and it leaves the live index. Safe to repeat.
import { outboxSubject } from "../contracts/outbox.ts";
import type { TaskRef } from "../contracts/task.ts";
import type { Redis } from "./connect.ts";
import { taskMember } from "./keys.ts";
import { OUTBOX_SUBJECTS } from "./outbox.ts";
import { pushEnd } from "./scripts/push-outbox.ts";

/** In one script: a task that is still live, because nobody came here, is finished off by the sweep. */
export async function finishTask(redis: Redis, task: TaskRef): Promise<void> {
  const entry = { kind: "task", task } as const;
  await pushEnd(redis, task.env, [outboxSubject(entry), JSON.stringify(entry), taskMember(task)], OUTBOX_SUBJECTS);
}
