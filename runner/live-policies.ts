// The policies that the environment has now, and what somebody suspended in it: a task's own policies are pinned for
// loosening, these hold for tightening.
import { setTimeout as wait } from "node:timers/promises";
import { TransientFailure } from "../contracts/failure.ts";
import type { PolicySet } from "../policies/policy-set.ts";
import type { Redis } from "../store/connect.ts";
import { type Holds, readHolds } from "../store/holds.ts";
import { readHead, readState } from "../store/state.ts";
import { policiesOf } from "./definitions.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** How long an answer is believed: what was tightened or suspended stops running tasks within this time. */
const FRESH_MS = 900;
/** A server that restarts must not look like policies that are gone, for which the gate denies for good. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 150;

interface LiveRules {
  readonly set: PolicySet;
  readonly holds: Holds;
}

export class LivePolicies {
  readonly #redis: Redis;
  readonly #env: string;
  #known: { readonly digest: string; readonly set: PolicySet } | undefined;
  #reading: Promise<LiveRules> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(redis: Redis, env: string) {
    this.#redis = redis;
    this.#env = env;
  }

  /**
   * As they were at `notBeforeMs` (on the clock of `performance.now()`) or later: what was applied before a task was
   * made must hold for it, loosened or tightened. Throws where the state cannot be read: the gate then denies. Waits for
   * a server that is away, but for no longer than the lease of whoever asks.
   */
  async get(notBeforeMs: number, lease: AbortSignal): Promise<PolicySet> {
    return (await unlessAborted(() => this.#fresh(notBeforeMs), lease)).set;
  }

  /** In the same way, and of the same look. */
  async holds(notBeforeMs: number, lease: AbortSignal): Promise<Holds> {
    return (await unlessAborted(() => this.#fresh(notBeforeMs), lease)).holds;
  }

  #fresh(notBeforeMs: number): Promise<LiveRules> {
    const freshSinceMs = Math.max(notBeforeMs, performance.now() - FRESH_MS);
    if (this.#reading !== undefined && this.#readAtMs >= freshSinceMs) return this.#reading;
    this.#readAtMs = performance.now();
    const reading = this.#readPatiently();
    this.#reading = reading;
    reading.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading;
  }

  async #readPatiently(): Promise<LiveRules> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const [set, holds] = await Promise.all([this.#read(), readHolds(this.#redis, this.#env)]);
        return { set, holds };
      } catch (error) {
        if (!(error instanceof TransientFailure) || performance.now() > untilMs) throw error;
        await wait(RETRY_MS);
      }
    }
  }

  async #read(): Promise<PolicySet> {
    const head = await readHead(this.#redis, this.#env);
    if (this.#known !== undefined && this.#known.digest === head?.policyDigest) return this.#known.set;
    const { records } = await readState(this.#redis, this.#env);
    const set = policiesOf([...records.values()]);
    if (head !== null) this.#known = { digest: head.policyDigest, set };
    return set;
  }
}
