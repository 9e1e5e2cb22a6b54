// Makes the writer of a command that applies: who it is, and what it may use.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { PermanentFailure } from "../contracts/failure.ts";
import type { Writer } from "../reconciler/apply/apply-plan.ts";
import type { Redis } from "../store/connect.ts";
import { type ActivationQueue, openQueue } from "../store/queue.ts";
import { signingKey } from "./audit-key.ts";
import type { Host } from "./host.ts";
import { lineageMemory } from "./lineages.ts";
import type { OpenRedis } from "./redis.ts";

/** How long a command waits for another one that is applying. */
const LOCK_WAIT_MS = 10_000;

export interface OpenWriter {
  readonly writer: Writer;
  readonly close: () => Promise<void>;
}

export function openWriter(
  host: Host,
  { redis, server }: Pick<OpenRedis, "redis" | "server">,
  env: string,
  reports = false,
): OpenWriter {
  const queue: ActivationQueue = openQueue(redis, env);
  const lineages = lineageMemory(host, server, env);
  const auditKey = signingKey(host);
  return {
    writer: { ...writerFacts(host, redis, env), queue, lineages, reports, auditKey },
    close: () => queue.close(),
  };
}

function writerFacts(host: Host, redis: Redis, env: string): Omit<Writer, "queue" | "lineages" | "reports"> {
  return {
    redis,
    env,
    now: host.now,
    // Every process and every writer in it holds the lock for itself alone.
    holder: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
    lockWaitMs: LOCK_WAIT_MS,
    newLineage: randomUUID,
    signal: host.signal,
  };
}

/** For a dry run: recalls and reads, and has nothing to write with. */
export function openReader(
  host: Host,
  { redis, server }: Pick<OpenRedis, "redis" | "server">,
  env: string,
): OpenWriter {
  const queue = {
    env,
    ring: refuseWork,
    ringAnew: refuseWork,
    withoutBell: refuseWork,
    bringForward: refuseWork,
    close: doNothing,
  };
  const lineages = { ...lineageMemory(host, server, env), remember: doNothing, forget: doNothing };
  return { writer: { ...writerFacts(host, redis, env), queue, lineages, reports: false }, close: queue.close };
}

function refuseWork(): never {
  throw new PermanentFailure("READ_ONLY", "a dry run orders no work");
}

async function doNothing(): Promise<void> {}
