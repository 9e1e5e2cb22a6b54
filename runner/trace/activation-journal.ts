// What one activation writes: it holds the end of the task's chain, puts events behind it one record after another, and
// chains anew where other branches were faster. Everything that it is given is redacted already.
import { setTimeout as wait } from "node:timers/promises";
import { LeaseLost, TransientFailure } from "../../contracts/failure.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents, type TraceDraft, type TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import type { Ledger } from "../../store/ledger.ts";
import { type Appended, appendEvents } from "../../store/scripts/append.ts";
import type { RecordAnswer, RecordChange, Recorder } from "../gate/recorder.ts";
import type { Lease } from "../lease.ts";
import { RUNNER_LIMITS } from "../limits.ts";

export interface JournalTerms {
  readonly redis: Redis;
  readonly task: TaskRef;
  readonly activation: string;
  readonly holder: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly lease: Pick<Lease, "check" | "abort">;
  readonly head: ChainHead;
  readonly ledger: Ledger;
}

const FIRST_RETRY_MS = 25;
const LAST_RETRY_MS = 500;

export class ActivationJournal implements Recorder {
  readonly #terms: JournalTerms;
  #head: ChainHead;
  #ledger: Ledger;
  #waiting: readonly TraceDraft[] = [];
  #movedByOthers = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(terms: JournalTerms) {
    this.#terms = terms;
    this.#head = terms.head;
    this.#ledger = terms.ledger;
  }

  ledger(): Ledger {
    return this.#ledger;
  }

  checkLease(): void {
    this.#terms.lease.check();
  }

  head(): ChainHead {
    return this.#head;
  }

  /** Whether another branch wrote since the claim, or since `moveTo`: then the graph that the claim told is old. */
  wasMoved(): boolean {
    return this.#movedByOthers;
  }

  /** Takes over where other branches moved the chain to, as a release was told together with the graph. */
  moveTo(head: ChainHead, ledger: Ledger): void {
    this.#head = head;
    this.#ledger = ledger;
    this.#movedByOthers = false;
  }

  /** Keeps drafts until the next record, and writes them before it: what nobody waits for costs no round trip. */
  defer(drafts: readonly TraceDraft[]): void {
    this.#waiting = [...this.#waiting, ...drafts];
  }

  /** Records are written in the order of the calls. Throws LeaseLost, or what the lease was aborted with. */
  record(drafts: readonly TraceDraft[], change: RecordChange = {}): Promise<RecordAnswer> {
    const written = this.#last.then(() => this.#write(drafts, change));
    this.#last = written.catch(() => undefined);
    return written;
  }

  /** What was deferred and the drafts, as events behind the end of the chain as it is known, or behind another one. */
  chain(drafts: readonly TraceDraft[], after = this.#head): TraceEvent[] {
    const { task, epoch, attempt } = this.#terms;
    const stamped = [...this.#waiting, ...drafts].map((draft) => ({ epoch, attempt, ...draft }));
    return chainEvents(taskId(task), after, stamped);
  }

  async #write(drafts: readonly TraceDraft[], change: RecordChange): Promise<RecordAnswer> {
    for (let tries = 0; tries < RUNNER_LIMITS.appendTries; tries += 1) {
      const events = this.chain(drafts);
      const answer = await this.#append(events, change);
      if (answer.outcome === "lease-lost") throw this.#lost();
      this.#ledger = answer.ledger;
      if (answer.outcome === "over-budget") return { outcome: "over-budget" };
      this.#head = answer.head;
      // Also of a record that was appended: its first answer may have been lost, and others may have written since.
      this.#movedByOthers ||= answer.head.head !== events.at(-1)?.hash;
      if (answer.outcome === "moved") continue;
      this.#waiting = [];
      return { outcome: "appended" };
    }
    throw new TransientFailure("JOURNAL_CONTENDED", "the trace was moved by other branches at every try");
  }

  /**
   * A Redis that is away for less than the lease costs nothing: the same events are written again until it ends. The
   * store knows a repeated command from a second one.
   */
  async #append(events: readonly TraceEvent[], change: RecordChange): Promise<Appended> {
    const { redis, task, activation, holder, epoch, lease } = this.#terms;
    const request = { task, activation, holder, epoch, after: this.#head, events, ...change };
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
      lease.check();
      try {
        return await appendEvents(redis, request);
      } catch (error) {
        if (!(error instanceof TransientFailure)) throw error;
        await wait(retryMs);
      }
    }
  }

  #lost(): LeaseLost {
    const { task, activation, lease } = this.#terms;
    const lost = new LeaseLost(activation, `the lease on ${taskId(task)} ${activation} was given to another runner`);
    lease.abort(lost);
    return lost;
  }
}
