// An activation that this runner holds, and what all activations of one runner share.
import type { TaskRef } from "../contracts/task.ts";
import type { Redis } from "../store/connect.ts";
import type { ActivationQueue } from "../store/queue.ts";
import type { Claim } from "../store/scripts/claim.ts";
import type { DefinitionCache } from "./definition-cache.ts";
import type { Holdings } from "./holdings.ts";
import type { Lease } from "./lease.ts";
import type { ActivationJournal } from "./trace/activation-journal.ts";
import type { Workshop } from "./workshop.ts";

/** What all activations of one runner share. */
export interface RunnerParts {
  readonly redis: Redis;
  readonly queue: ActivationQueue;
  /** The holder's name in leases and traces. */
  readonly id: string;
  readonly leaseMs: number;
  readonly definitions: DefinitionCache;
  readonly workshop: Workshop;
  readonly holdings: Holdings;
  /** It drains: what is under way may end, nothing new is begun. */
  readonly isStopping: () => boolean;
  readonly now: () => Date;
  /** In [0, 1). */
  readonly random: () => number;
  readonly say: (line: string) => void;
}

/** On the clock of `performance.now()`. */
export interface Since {
  /** When its claim was sent. */
  readonly sentAtMs: number;
  /** By when its task had been made. */
  readonly madeByMs: number;
  /** When its task, and when it, was claimed first. */
  readonly taskMs: number;
  readonly activationMs: number;
}

/** An activation that this runner holds. */
export interface Held {
  readonly parts: RunnerParts;
  readonly task: TaskRef;
  readonly activation: string;
  readonly agent: string;
  readonly visit: number;
  readonly claim: Claimed;
  readonly since: Since;
  readonly lease: Lease;
  readonly journal: ActivationJournal;
}

export type Claimed = Extract<Claim, { outcome: "claimed" }>;
