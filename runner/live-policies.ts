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
  /** The last answer, and when it was asked for. */
  #read: { readonly atMs: number; readonly rules: LiveRules } | undefined;
  /** Asked for, and not answered yet. */
  #reading: { readonly atMs: number; readonly rules: Promise<LiveRules> } | undefined;

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
    return (await this.#rules(notBeforeMs, lease)).set;
  }

  /** In the same way, and of the same look. */
  async holds(notBeforeMs: number, lease: AbortSignal): Promise<Holds> {
    return (await this.#rules(notBeforeMs, lease)).holds;
  }

  #rules(notBeforeMs: number, lease: AbortSignal): LiveRules | Promise<LiveRules> {
    const freshSinceMs = Math.max(notBeforeMs, performance.now() - FRESH_MS);
    if (this.#read !== undefined && this.#read.atMs >= freshSinceMs) return this.#read.rules;
    return unlessAborted(() => this.#fresh(freshSinceMs), lease);
  }

  #fresh(freshSinceMs: number): Promise<LiveRules> {
    if (this.#reading !== undefined && this.#reading.atMs >= freshSinceMs) return this.#reading.rules;
    const atMs = performance.now();
    const rules = this.#readPatiently();
    const reading = { atMs, rules };
    this.#reading = reading;
    const settle = (read: LiveRules | undefined): void => {
      if (this.#reading === reading) this.#reading = undefined;
      if (read !== undefined && atMs >= (this.#read?.atMs ?? 0)) this.#read = { atMs, rules: read };
    };
    rules.then(settle, () => settle(undefined));
    return rules;
  }

  async #readPatiently(): Promise<LiveRules> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const [set, holds] = await Promise.all([this.#readSet(), readHolds(this.#redis, this.#env)]);
        return { set, holds };
      } catch (error) {
        if (!(error instanceof TransientFailure) || performance.now() > untilMs) throw error;
        await wait(RETRY_MS);
      }
    }
  }

  async #readSet(): Promise<PolicySet> {
    const head = await readHead(this.#redis, this.#env);
    if (this.#known !== undefined && this.#known.digest === head?.policyDigest) return this.#known.set;
    const { records } = await readState(this.#redis, this.#env);
    const set = policiesOf([...records.values()]);
    if (head !== null) this.#known = { digest: head.policyDigest, set };
    return set;
  }
}
