// What one task takes of Redis' memory.
import type { ActivationId, TaskRef } from "../contracts/task.ts";
import { askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { stepsKey, taskKeys } from "./keys.ts";
import { numberOf } from "./reply.ts";

/** Bytes of all of its keys, as Redis counts them. */
export async function readTaskBytes(redis: Redis, ref: TaskRef, activations: readonly ActivationId[]): Promise<number> {
  const keys = [...Object.values(taskKeys(ref)), ...activations.map((id) => stepsKey(ref, id))];
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.memory("USAGE", key, "SAMPLES", 0);
  const answers = await askAll(redis, () => pipeline.exec());
  return answers.reduce((sum: number, bytes) => sum + numberOf(`the size of ${ref.name}`, bytes ?? 0), 0);
}
