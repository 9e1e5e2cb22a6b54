// The breakers of model endpoints as one runner uses them. What it learned of a closed one holds for a moment, so that a
// healthy endpoint costs its callers nothing.
import type { Redis } from "../store/connect.ts";
import { type BreakerKeys, breakerKeys, type EndpointRef } from "../store/keys.ts";
import {
  type BreakerRules,
  enterBreaker,
  leaveBreaker,
  type OpenBreaker,
  type Verdict,
} from "../store/scripts/breaker.ts";

export type Entry =
  | OpenBreaker
  /** One call may be made. `leave` must be told what came of it, and never throws. */
  | { readonly state: "may-call"; leave(verdict: Verdict): Promise<void> };

/** How long other runners' failures may go unnoticed. */
const KNOWN_MS = 1_000;

export class Breakers {
  readonly #redis: Redis;
  readonly #env: string;
  readonly #monotonicMs: () => number;
  /** Closed ones: failures so far, and until when that is believed. */
  readonly #known = new Map<string, { readonly failures: number; readonly untilMs: number }>();

  constructor(redis: Redis, env: string, monotonicMs: () => number) {
    this.#redis = redis;
    this.#env = env;
    this.#monotonicMs = monotonicMs;
  }

  /** `probeMs`: after that long without an answer another caller may try. */
  async enter(endpoint: EndpointRef, rules: BreakerRules, probeMs: number): Promise<Entry> {
    const keys = breakerKeys(this.#env, endpoint);
    const known = this.#known.get(keys.member);
    if (known !== undefined && this.#monotonicMs() < known.untilMs) return this.#pass(keys, rules, false);
    const entry = await enterBreaker(this.#redis, keys, probeMs);
    this.#remember(keys, entry.state === "closed" ? entry.failures : undefined);
    return entry.state === "open" ? entry : this.#pass(keys, rules, entry.state === "probe");
  }

  #pass(keys: BreakerKeys, rules: BreakerRules, probe: boolean): Entry {
    return {
      state: "may-call",
      leave: async (verdict) => {
        const failures = this.#known.get(keys.member)?.failures ?? 0;
        const saysNothing = verdict.verdict === "none" || (verdict.verdict === "alive" && failures === 0);
        if (saysNothing && !probe) return;
        try {
          const left = await leaveBreaker(this.#redis, keys, rules, { ...verdict, probe });
          this.#remember(keys, left.state === "closed" ? left.failures : undefined);
        } catch {
          // A breaker spares an endpoint that is ill; no work is lost or done twice without it.
          this.#known.delete(keys.member);
        }
      },
    };
  }

  #remember({ member }: BreakerKeys, failures: number | undefined): void {
    if (failures === undefined) this.#known.delete(member);
    else this.#known.set(member, { failures, untilMs: this.#monotonicMs() + KNOWN_MS });
  }
}
