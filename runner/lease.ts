// The lease on one activation, from the holder's side: renewal, the deadline after which nothing may be begun, and the
// signal that stops everything. It never asks the clock of the machine, which may jump, only the monotonic one.
import { LeaseLost } from "../contracts/failure.ts";

/** Somebody asked for the task to end. */
export class Cancelled extends Error {
  readonly code = "CANCELLED";
  /** null: nobody knows. */
  readonly by: string | null;
  constructor(by: string | null) {
    super("the task was cancelled");
    this.by = by;
  }
}

/** This runner stops: another one shall go on at once. */
export class RunnerStopping extends Error {
  readonly code = "RUNNER_STOPPING";
}

export type Renewal =
  | { readonly outcome: "renewed"; readonly cancelRequested: boolean; readonly cancelledBy: string | null }
  | { readonly outcome: "lease-lost" };

export interface LeaseTerms {
  /** What is leased, for people. */
  readonly subject: string;
  readonly leaseMs: number;
  /** When the claim was sent, on the clock of `performance.now()`. */
  readonly sentAtMs: number;
  renew(): Promise<Renewal>;
}

/** A part of the lease that is never used, for the way of an effect's start from here to its target. */
const MARGIN = 0.1;
const RENEWALS_PER_LEASE = 3;
/** A renewal that failed is tried again after this part of the lease: one lost packet costs nothing. */
const RETRIES_PER_LEASE = 15;

/**
 * Renews on the main loop on purpose: a wedged loop must lose its lease. The deadline counts from the moment when the
 * last successful renewal was SENT, since the server's clock cannot have started later than that.
 */
export class Lease {
  readonly #terms: LeaseTerms;
  readonly #controller = new AbortController();
  #deadlineMs: number;
  #renewal: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #stopped = false;
  #isRenewing = false;
  #lookAgain = false;

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
    this.#deadlineMs = 0;
    this.#extend(terms.sentAtMs);
    this.#renewAfter(terms.leaseMs / RENEWALS_PER_LEASE);
  }

  /** Aborted with LeaseLost, Cancelled or RunnerStopping. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** To be called before each effect: throws the reason for which nothing may be begun any more. */
  check(): void {
    if (performance.now() >= this.#deadlineMs) this.#lose("was not renewed in time");
    this.#controller.signal.throwIfAborted();
  }

  /** Whether what was done may still be written: also true while a cancelled or stopping activation is given back. */
  holds(): boolean {
    return !this.#stopped && performance.now() < this.#deadlineMs;
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Renews at once: somebody says that there is news. A renewal under way may be too early to know of it. */
  lookNow(): void {
    if (this.#stopped) return;
    if (this.#isRenewing) {
      this.#lookAgain = true;
      return;
    }
    clearTimeout(this.#renewal);
    void this.#renew();
  }

  /** Ends renewals; the holder has released what it held, or lost it. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#end);
  }

  #extend(sentAtMs: number): void {
    if (this.#stopped) return;
    this.#deadlineMs = sentAtMs + this.#terms.leaseMs * (1 - MARGIN);
    clearTimeout(this.#end);
    const lose = (): void => this.#lose("was not renewed in time");
    this.#end = setTimeout(lose, Math.max(0, this.#deadlineMs - performance.now()));
  }

  #renewAfter(ms: number): void {
    if (this.#stopped) return;
    this.#renewal = setTimeout(() => void this.#renew(), ms);
  }

  async #renew(): Promise<void> {
    const sentAtMs = performance.now();
    this.#isRenewing = true;
    this.#lookAgain = false;
    const renewal = await this.#terms.renew().catch(() => undefined);
    this.#isRenewing = false;
    // A failed renewal is not the end: until the deadline the right to work stands, and the next try may succeed.
    if (renewal === undefined) return this.#renewAfter(this.#terms.leaseMs / RETRIES_PER_LEASE);
    if (renewal.outcome === "lease-lost") return this.#lose("was given to another runner, or its task ended");
    this.#extend(sentAtMs);
    if (renewal.cancelRequested) this.#controller.abort(new Cancelled(renewal.cancelledBy));
    this.#renewAfter(this.#lookAgain ? 0 : this.#terms.leaseMs / RENEWALS_PER_LEASE);
  }

  #lose(why: string): void {
    const { subject } = this.#terms;
    this.#controller.abort(new LeaseLost(subject, `the lease on ${subject} ${why}`));
    this.stop();
  }
}
