// One reconciler's share in one environment: it leads or stands by, and a word to look again reaches the leader either way.
import type { Redis } from "../../store/connect.ts";
import { type Lead, publishLook, subscribeLooks } from "../../store/leader.ts";
import { Bell } from "../bell.ts";
import { type LeadOptions, leadWhile } from "./lead.ts";

export interface ReplicaOptions extends LeadOptions {
  /** A connection that does nothing but listen; shared by all environments of this process. */
  readonly subscriber: Redis;
}

export interface Replica {
  /** Look again: a webhook said so. A replica that stands by passes it on; what gets lost is found by the next poll. */
  look(): void;
  /** Settles with the signal. Rejects only on a bug. */
  readonly stopped: Promise<void>;
}

export interface Leading {
  readonly lead: Lead;
  readonly bell: Bell;
  /** Aborted when the lead is lost, or with the whole command. */
  readonly signal: AbortSignal;
}

export function startReplica(options: ReplicaOptions, work: (leading: Leading) => Promise<void>): Replica {
  const { redis, subscriber, env } = options;
  let current: Bell | undefined;
  const stopped = leadWhile(options, async (lead, signal) => {
    const bell = new Bell();
    current = bell;
    const unsubscribe = subscribeLooks(subscriber, env, () => bell.ring());
    try {
      await work({ lead, bell, signal });
    } finally {
      current = undefined;
      unsubscribe();
    }
  });
  const look = (): void => {
    if (current === undefined) void publishLook(redis, env).catch(() => undefined);
    else current.ring();
  };
  return { look, stopped };
}
