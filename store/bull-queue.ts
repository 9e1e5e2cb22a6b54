// A queue of BullMQ's. lazy-queue.ts loads this file, and BullMQ with it, when a queue is first needed.
import { Queue } from "bullmq";
import type { Redis } from "./connect.ts";
import { queuePrefix } from "./keys.ts";

/** Nobody reads BullMQ's events; a long stream of them only costs memory. */
const KEPT_EVENTS = 100;

/** Shares the connection that it is given, and leaves it open. */
export function openBullQueue<Data>(redis: Redis, env: string, name: string): Queue<Data> {
  const queue: Queue<Data> = new Queue(name, {
    connection: redis,
    prefix: queuePrefix(env),
    streams: { events: { maxLen: KEPT_EVENTS } },
  });
  // Each call reports its own failure; without a listener the same failure would end the process.
  queue.on("error", () => undefined);
  return queue;
}
