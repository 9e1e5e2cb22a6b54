// The other end of the bells of schedules (schedule-bells.ts): whoever leads hears them.
import { Worker } from "bullmq";
import type { Redis } from "./connect.ts";
import { queuePrefix, SCHEDULE_QUEUE_NAME } from "./keys.ts";

/**
 * Calls `ring` whenever a bell rings. `redis` is a connection made for "worker"; BullMQ opens a second one beside it.
 * Failures are the sweep's to tell: it meets the same server.
 */
export function hearScheduleBells(redis: Redis, env: string, ring: () => void): { close(): Promise<void> } {
  const worker = new Worker(SCHEDULE_QUEUE_NAME, async () => ring(), {
    connection: redis,
    prefix: queuePrefix(env),
    maxStalledCount: Number.MAX_SAFE_INTEGER,
  });
  worker.on("error", () => undefined);
  // Without a server there is nobody to say goodbye to: BullMQ would wait until it comes back.
  return { close: () => worker.close(redis.status !== "ready") };
}
