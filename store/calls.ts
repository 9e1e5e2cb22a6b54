// The channel on which runners are told that something became of a task: look again. It decides nothing, for what is said
// while nobody listens is lost: the wish stands in the task's record, and the next renewal of a lease sees it.
import type { TaskRef } from "../contracts/task.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, parseTaskMember, taskMember } from "./keys.ts";

export async function callRunners(redis: Redis, task: TaskRef): Promise<void> {
  await ask(redis, () => redis.publish(environmentKeys(task.env).calls, taskMember(task)));
}

/** `subscriber` is a connection that does nothing else; it listens again by itself after Redis was away. */
export function hearCalls(subscriber: Redis, env: string, hear: (task: TaskRef) => void): void {
  const { calls } = environmentKeys(env);
  subscriber.on("message", (channel: string, member: string) => {
    const task = channel === calls ? parseTaskMember(env, member) : undefined;
    if (task !== undefined) hear(task);
  });
  void subscriber.subscribe(calls).catch(() => undefined);
}
