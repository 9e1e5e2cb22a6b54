// What a runner held when it died: for one that is restarted under the same id, and need not wait for its own leases to end.
import { ask, askAll } from "./ask.ts";
import { readTerms } from "./bell-terms.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, parseTaskMember, taskKeys } from "./keys.ts";
import type { Bell } from "./queue.ts";
import { listOf, textsOf } from "./reply.ts";

/** Tasks in one look: enough to be quick, few enough to leave Redis to others. */
const CHUNK = 500;

/** The activations whose lease is in `holder`'s name, lapsed or not. What cannot be read is left to the sweep, which tells. */
export async function findHeldBy(redis: Redis, env: string, holder: string): Promise<Bell[]> {
  const members = await ask(redis, () => redis.zrange(environmentKeys(env).live, "0", "-1"));
  const tasks = members.flatMap((member) => parseTaskMember(env, member) ?? []);
  const held: Bell[] = [];
  for (let from = 0; from < tasks.length; from += CHUNK) {
    const chunk = tasks.slice(from, from + CHUNK);
    const pipeline = redis.pipeline();
    for (const task of chunk) pipeline.hget(taskKeys(task).task, "priority").smembers(taskKeys(task).open);
    const answers = await askAll(redis, () => pipeline.exec());
    const open = chunk.flatMap((task, index) => {
      const what = `the task ${task.namespace}/${task.name}`;
      const priority = answers[2 * index];
      return textsOf(what, answers[2 * index + 1]).map((activation) => ({ what, task, activation, priority }));
    });
    held.push(...(await leasedTo(redis, holder, open)));
  }
  return held;
}

interface OpenActivation extends Omit<Bell, "terms"> {
  readonly what: string;
  readonly priority: unknown;
}

async function leasedTo(redis: Redis, holder: string, open: readonly OpenActivation[]): Promise<Bell[]> {
  const pipeline = redis.pipeline();
  for (const { task, activation: id } of open) {
    pipeline.hmget(taskKeys(task).activations, `${id}/phase`, `${id}/holder`);
  }
  const answers = await askAll(redis, () => pipeline.exec());
  return open.flatMap(({ what, task, activation, priority }, index) => {
    const [phase, found] = listOf(what, answers[index]);
    if (phase !== "Leased" || found !== holder || typeof priority !== "string") return [];
    return [{ task, activation, terms: readTerms(what, priority) }];
  });
}
