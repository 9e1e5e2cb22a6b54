// How long an environment keeps its tasks: written by whoever applies its settings, read by every runner.
import type { TaskRetention } from "../contracts/environment.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { numberOf } from "./reply.ts";

const FIELDS = ["keptMs", "keptFailedMs", "keptTasks"] as const;

/** Replaces what was there, where it is another. */
export async function writeRetention(redis: Redis, env: string, rules: TaskRetention): Promise<void> {
  const { retention } = environmentKeys(env);
  const wanted = FIELDS.flatMap((field) => (rules[field] === null ? [] : [field, String(rules[field])]));
  const before = await ask(redis, () => redis.hmget(retention, ...FIELDS));
  if (FIELDS.every((field, index) => (before[index] ?? null) === (rules[field]?.toString() ?? null))) return;
  const writing = redis.multi().del(retention);
  if (wanted.length > 0) writing.hset(retention, ...wanted);
  await askAll(redis, () => writing.exec());
}

/** Throws PermanentFailure STATE_CORRUPT: what cannot be read drops nothing. */
export async function readRetention(redis: Redis, env: string): Promise<TaskRetention> {
  const what = `the retention of environment ${env}`;
  const fields = await ask(redis, () => redis.hmget(environmentKeys(env).retention, ...FIELDS));
  const [keptMs = null, keptFailedMs = null, keptTasks = null] = fields.map((value) =>
    value === null ? null : numberOf(what, value),
  );
  return { keptMs, keptFailedMs, keptTasks };
}
