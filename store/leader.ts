// Which of several reconcilers on one Redis looks after an environment: the others stand by. Beside the writer's lock,
// which any writer takes for the moment of an apply; an apply of a leader carries its token, and a stale one is refused.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { type HeldLock, type LockAnswer, type LockRequest, takeLock } from "./held-lock.ts";
import { environmentKeys } from "./keys.ts";

export type Lead = HeldLock;

export interface LeadRequest extends LockRequest {
  readonly env: string;
}

export function acquireLead(redis: Redis, { env, ...request }: LeadRequest): Promise<LockAnswer> {
  return takeLock(redis, { key: environmentKeys(env).leader, what: `the lead of environment ${env}` }, request);
}

/** What a replica that does not lead was told, for the one that does: look again. Nobody may be listening. */
export async function publishLook(redis: Redis, env: string): Promise<void> {
  await ask(redis, () => redis.publish(environmentKeys(env).looks, ""));
}

/**
 * `subscriber` is a connection that does nothing else; it listens again by itself after Redis was away. Answers how to
 * stop. What is said while nobody listens is lost: this only saves the wait for the next poll.
 */
export function subscribeLooks(subscriber: Redis, env: string, ring: () => void): () => void {
  const channel = environmentKeys(env).looks;
  const listener = (from: string): void => {
    if (from === channel) ring();
  };
  subscriber.on("message", listener);
  void subscriber.subscribe(channel).catch(() => undefined);
  return () => {
    subscriber.off("message", listener);
    void subscriber.unsubscribe(channel).catch(() => undefined);
  };
}
