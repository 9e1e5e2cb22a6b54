// Finds the task that a person names, as `name` or `namespace/name`, or says which name comes near.
import { closest } from "fastest-levenshtein";
import { DEFAULT_NAMESPACE, isName } from "../contracts/address.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import type { TaskRecord } from "../contracts/task.ts";
import type { Redis } from "../store/connect.ts";
import { listTasks, readTask } from "../store/tasks.ts";

export interface TaskQuery {
  readonly env: string;
  readonly task: string;
  readonly namespace?: string;
}

/** Throws PermanentFailure TASK_NOT_FOUND. */
export async function findTask(redis: Redis, query: TaskQuery): Promise<TaskRecord> {
  const [first = "", second] = query.task.split("/");
  const namespace = second === undefined ? (query.namespace ?? DEFAULT_NAMESPACE) : first;
  const name = second ?? first;
  const found =
    isName(namespace) && isName(name) ? await readTask(redis, { env: query.env, namespace, name }) : undefined;
  if (found !== undefined) return found;
  const names = (await listTasks(redis, query.env)).map((task) => task.name);
  const hint = names.length === 0 ? "The environment has no tasks yet." : `Did you mean \`${closest(name, names)}\`?`;
  throw new PermanentFailure("TASK_NOT_FOUND", `no task \`${query.task}\` in environment \`${query.env}\`. ${hint}`);
}
