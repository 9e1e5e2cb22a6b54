// Everything that an environment's state is, as values: what `export` writes and `import` puts back. Tasks and traces are
// no part of it.
import type { Address } from "./address.ts";
import type { Digest } from "./canonical.ts";
import type { StateHead, StateRecord } from "./record.ts";

/** A record that was replaced or pruned, and the apply that did it last. */
export interface ArchivedRecord {
  readonly record: StateRecord;
  readonly serial: number;
}

/** One apply, as the history keeps it. */
export interface KeptApply {
  readonly serial: number;
  readonly planId: string;
  readonly planDigest: string;
  readonly commit: string | null;
  readonly appliedAt: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface EnvironmentCopy {
  readonly head: StateHead;
  /** By address. */
  readonly records: readonly StateRecord[];
  /** By digest. */
  readonly archived: readonly ArchivedRecord[];
  /** Oldest first. */
  readonly applies: readonly KeptApply[];
  /** Plans that are used, with the serial that each became. */
  readonly plans: readonly (readonly [planId: string, serial: number])[];
  /** Contents of run-mode Tasks that were ordered, with the serial of their apply: none of them is ordered again. */
  readonly intents: readonly (readonly [key: string, serial: number])[];
  /** Orders whose task was not made yet, as JSON. */
  readonly ordered: readonly (readonly [key: string, intent: string])[];
  /** Suspensions, and the hold of a rollback, as JSON. */
  readonly holds: readonly (readonly [name: string, hold: string])[];
  /** What applies alone have written: address, or '' for the serial that it speaks for. */
  readonly inventory: readonly (readonly [address: string, digest: string])[];
}

/** A record that holds secrets, and that was left out for it. */
export interface LeftOut {
  readonly address: Address;
  readonly digest: Digest;
  /** From the archive, not from the state. */
  readonly archived: boolean;
}
