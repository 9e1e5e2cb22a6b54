// Makes the writer of a command that applies: who it is, and what it may use.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Writer } from "../reconciler/apply/apply-plan.ts";
import type { Redis } from "../store/connect.ts";
import { type ActivationQueue, openQueue } from "../store/queue.ts";
import type { Host } from "./host.ts";

/** How long a command waits for another one that is applying. */
const LOCK_WAIT_MS = 10_000;

export interface OpenWriter {
  readonly writer: Writer;
  readonly close: () => Promise<void>;
}

export function openWriter(host: Host, redis: Redis, env: string, reports = false): OpenWriter {
  const queue: ActivationQueue = openQueue(redis, env);
  const writer: Writer = {
    redis,
    queue,
    env,
    now: host.now,
    // Every process and every writer in it holds the lock for itself alone.
    holder: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
    lockWaitMs: LOCK_WAIT_MS,
    newLineage: randomUUID,
    signal: host.signal,
    reports,
  };
  return { writer, close: () => queue.close() };
}
