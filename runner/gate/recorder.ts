// What the gate needs of the activation's journal: to write decisions and effects down, and to know what was spent.
import type { StepRecord } from "../../contracts/step.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { Charge, Ledger } from "../../store/ledger.ts";
import type { ApprovalChange } from "../../store/scripts/append.ts";
import type { SharedChange } from "../../store/scripts/shared-ledgers.ts";

/** What changes together with the events, or not at all. */
export interface RecordChange {
  readonly step?: StepRecord;
  readonly charge?: Charge;
  /** Never deferred. */
  readonly approval?: ApprovalChange;
  /** Never deferred. */
  readonly shared?: SharedChange;
}

export type RecordAnswer = { readonly outcome: "appended" } | NotWritten | OverShared;

/** Nothing of the record was written. */
export type NotWritten =
  /** Another branch of the task spent its tokens, money or calls in the meantime. */
  | { readonly outcome: "over-budget" }
  /** The approval that it was to use cannot be used any more: its time is over. */
  | { readonly outcome: "unapproved" };

/** Nothing of the record was written: ledgers that tasks share had no room, or more was spent than was known. */
export interface OverShared {
  readonly outcome: "over-shared";
  /** Account → what was spent and held before. */
  readonly spent: Readonly<Record<string, number>>;
}

export interface Recorder {
  /** What the task has spent, as of the last answer of the store, with what was deferred since. */
  ledger(): Ledger;
  /**
   * Writes in one piece, behind whatever was recorded before. Throws LeaseLost where the lease is gone, and any other
   * failure where nothing could be written: the gate then lets nothing happen. Drafts come with activation, agent, turn
   * and step; the recorder adds epoch and attempt.
   */
  record(drafts: readonly TraceDraft[], change?: RecordChange): Promise<RecordAnswer>;
  /**
   * Keeps drafts and change for the next record, or for the release, and writes them in one piece with it: for what may be
   * lost with this runner because no effect follows from it yet. Costs no round trip.
   */
  defer(drafts: readonly TraceDraft[], change?: RecordChange): void;
  /** Called right before each effect: throws the reason for which none may begin any more. */
  checkLease(): void;
}
