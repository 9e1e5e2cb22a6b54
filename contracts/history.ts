// What is kept of an apply: who, from where, what it changed. One entry per apply, for as long as the history reaches.
import type { Address } from "./address.ts";
import { type Digest, digestText } from "./canonical.ts";
import type { AcceptedHistory } from "./holds.ts";
import type { Action, PlanCounts, PlanSource } from "./plan.ts";

/** One record that an apply wrote or removed. A digest of null: there was, or is, no such record. */
export interface AppliedChange {
  readonly address: Address;
  readonly action: Action;
  /** Of a move: where the record came from. Its own row says that it is gone from there. */
  readonly previousAddress?: Address;
  readonly before: Digest | null;
  readonly after: Digest | null;
  readonly file: string;
  readonly line: number;
}

/** A change that the plan showed and a guard held back. */
export interface HeldBack {
  readonly address: Address;
  readonly action: Action;
  readonly code: string;
}

export interface RollbackFacts {
  /** The apply whose records were restored. */
  readonly serial: number;
  readonly commit: string | null;
}

export interface ApplyFacts {
  readonly counts: PlanCounts;
  readonly source: Pick<PlanSource, "repo" | "ref" | "headSha" | "path" | "dirty">;
  /** The process that wrote: host, process, id. */
  readonly holder: string;
  /** A person's name as it was given; nobody checked it. null: the reconciler, or nobody said. */
  readonly person: string | null;
  readonly changes: readonly AppliedChange[];
  readonly blocked: readonly HeldBack[];
  /** Tasks that this apply ordered. */
  readonly tasks: readonly string[];
  /** Over the addresses and digests of everything that the state held afterwards: a rollback must come to the same. */
  readonly set: Digest;
  readonly rollbackOf: RollbackFacts | null;
  /** Why somebody applied inside of a freeze window. */
  readonly overrideFreeze: string | null;
  /** The branch had been rewritten, and somebody took it as it is. */
  readonly acceptedHistory?: AcceptedHistory;
  /** It made a state anew that was lost. */
  readonly rebuilt?: true;
  /** Of the policies and of the settings that the plan was made under; absent in entries of earlier versions. */
  readonly policyDigest?: string;
  readonly configDigest?: string;
  readonly startedAt: string;
}

interface Addressed {
  readonly address: Address;
  readonly digest: Digest;
}

/** The digest of a whole set of records, whatever their order. */
export function setDigestOf(records: Iterable<Addressed>): Digest {
  const lines = Array.from(records, ({ address, digest }) => `${address} ${digest}\n`);
  return digestText(lines.toSorted().join(""));
}
