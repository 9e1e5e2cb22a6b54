// What one activation writes: it holds the end of the task's chain, puts events behind it one record after another, and
// chains anew where other branches were faster. Everything that it is given is redacted already.
import { setTimeout as wait } from "node:timers/promises";
import { LeaseLost, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents, type TraceDraft } from "../../contracts/trace.ts";
import type { TraceRecord } from "../../store/chain.ts";
import type { Redis } from "../../store/connect.ts";
import { afterCharge, type Ledger } from "../../store/ledger.ts";
import { type Appended, type AppendRequest, appendEvents } from "../../store/scripts/append.ts";
import { readTrace } from "../../store/tasks.ts";
import type { RecordAnswer, RecordChange, Recorder } from "../gate/recorder.ts";
import type { HandOver } from "../hand-over.ts";
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
  /** What `head` is the end of, and is not written yet. */
  readonly ahead?: Pick<HandOver, "settle"> | undefined;
}

/** What will be written in one piece with the next record. */
interface Waiting extends RecordChange {
  readonly drafts: readonly TraceDraft[];
}

/** What goes with an append, and with no other script. */
type Beside = Pick<AppendRequest, "approval" | "shared">;

const FIRST_RETRY_MS = 25;
const LAST_RETRY_MS = 500;

export class ActivationJournal implements Recorder {
  readonly #terms: JournalTerms;
  #head: ChainHead;
  #ledger: Ledger;
  #waiting: readonly Waiting[] = [];
  #movedByOthers = false;
  /** Sent, and nobody knows whether it was carried out. */
  #doubtful: TraceRecord | undefined;
  #ahead: JournalTerms["ahead"];
  #last: Promise<unknown> = Promise.resolve();

  constructor(terms: JournalTerms) {
    this.#terms = terms;
    this.#head = terms.head;
    this.#ledger = terms.ledger;
    this.#ahead = terms.ahead;
  }

  /** With what waits to be written, as if it were. */
  ledger(): Ledger {
    return this.#waiting.reduce((ledger, { charge }) => (charge ? afterCharge(ledger, charge) : ledger), this.#ledger);
  }

  /** What waits to be written. */
  unwritten(): readonly TraceDraft[] {
    return this.#waiting.flatMap(({ drafts }) => drafts);
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

  defer(drafts: readonly TraceDraft[], change: RecordChange = {}): void {
    this.#waiting = [...this.#waiting, { drafts, ...change }];
  }

  /** Records are written in the order of the calls. Throws LeaseLost, or what the lease was aborted with. */
  record(drafts: readonly TraceDraft[], change: RecordChange = {}): Promise<RecordAnswer> {
    const before = this.#waiting;
    const written = this.#last.then(() => this.#write(before, { drafts, ...change }));
    this.#last = written.catch(() => undefined);
    return written;
  }

  /** What waits and the drafts, as one record behind the end of the chain as it is known, or behind another one. */
  chain(drafts: readonly TraceDraft[], after = this.#head): TraceRecord {
    return this.#chain([...this.#waiting, { drafts }], after);
  }

  #chain(parts: readonly Waiting[], after: ChainHead): TraceRecord {
    const drafts = parts.flatMap((part) => part.drafts);
    return {
      after,
      // An event about an activation that this one starts says nothing of its lease: nobody has it yet.
      events: chainEvents(taskId(this.#terms.task), after, drafts, this.#terms),
      steps: parts.flatMap(({ step }) => step ?? []),
      charges: parts.flatMap(({ charge }) => charge ?? []),
    };
  }

  /**
   * Where the way to the store broke and the lease's end came before an answer: what is deferred may be written already,
   * and must not be written, nor charged, again. To be called before the chain goes on behind another head.
   */
  async settleDoubt(): Promise<void> {
    const last = this.#doubtful?.events.at(-1);
    if (last === undefined) return;
    const { redis, task } = this.#terms;
    const written = (await readTrace(redis, task, last.seq - 1)).some(({ hash }) => hash === last.hash);
    this.#doubtful = undefined;
    if (written) this.#waiting = [];
  }

  async #write(before: readonly Waiting[], part: Waiting): Promise<RecordAnswer> {
    // An earlier record may have taken it along; what is deferred from now on rides with a later one.
    const waiting = before.filter((each) => this.#waiting.includes(each));
    for (let tries = 0; tries < RUNNER_LIMITS.appendTries; tries += 1) {
      const record = this.#chain([...waiting, part], this.#head);
      const beside = besideOf(part);
      const answer = (await this.#appendAlong(record, beside)) ?? (await this.#append(record, beside));
      if (answer.outcome === "lease-lost") throw this.#lost();
      this.#ledger = answer.ledger;
      if (answer.outcome === "over-budget" || answer.outcome === "unapproved") return { outcome: answer.outcome };
      if (answer.outcome === "over-shared") return { outcome: answer.outcome, spent: answer.spent };
      this.#head = answer.head;
      // Also of a record that was appended: its first answer may have been lost, and others may have written since.
      this.#movedByOthers ||= answer.head.head !== record.events.at(-1)?.hash;
      if (answer.outcome === "moved") continue;
      this.#waiting = this.#waiting.filter((each) => !waiting.includes(each));
      return { outcome: "appended" };
    }
    throw new TransientFailure("JOURNAL_CONTENDED", "the trace was moved by other branches at every try");
  }

  /** In one piece with what is ahead. undefined: nothing is, any more, and the record is still to be written. */
  async #appendAlong(record: TraceRecord, beside: Beside | undefined): Promise<Appended | undefined> {
    if (this.#ahead === undefined) return undefined;
    this.#terms.lease.check();
    const settled = await this.#ahead.settle(beside === undefined ? record : undefined);
    this.#ahead = undefined;
    if (settled.outcome === "stays") return { outcome: "lease-lost" };
    const { wrote, head, ledger } = settled;
    if (wrote === record) return { outcome: "appended", head, ledger };
    return head.head === record.after.head ? undefined : { outcome: "moved", head, ledger };
  }

  /**
   * A Redis that is away for less than the lease costs nothing: the same events are written again until it ends. The
   * store knows a repeated command from a second one. Throws AUDIT_UNAVAILABLE where it refuses it for good.
   */
  async #append(record: TraceRecord, beside: Beside | undefined): Promise<Appended> {
    const { redis, task, activation, holder, epoch, lease } = this.#terms;
    const request = { task, activation, holder, epoch, ...record, ...beside };
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
      lease.check();
      try {
        const answer = await appendEvents(redis, request);
        this.#doubtful = undefined;
        return answer;
      } catch (error) {
        if (error instanceof PermanentFailure) throw unwritten(error);
        if (!(error instanceof TransientFailure)) throw error;
        this.#doubtful = record;
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

/** What cannot be written down does not happen, and trying again would not help. */
function unwritten(cause: PermanentFailure): PermanentFailure {
  const { code, message } = cause;
  const said = `the store does not take the record of this step, so nothing happens: ${message} (${code})`;
  return new PermanentFailure("AUDIT_UNAVAILABLE", said, { cause });
}

function besideOf({ approval, shared }: RecordChange): Beside | undefined {
  if (approval === undefined && shared === undefined) return undefined;
  return { ...(approval === undefined ? {} : { approval }), ...(shared === undefined ? {} : { shared }) };
}
