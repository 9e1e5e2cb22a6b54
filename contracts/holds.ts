// What people told the reconciler to leave alone, or to take: an environment, a resource, a branch after a rollback or a
// rewrite.

/** Somebody's word that nothing is to be applied, to an environment or to one of its resources. */
export interface Suspension {
  /** A person's name as it was given. */
  readonly by: string;
  readonly since: string;
  /** Empty: none was given. */
  readonly reason: string;
}

/** After a rollback: the branch still holds what was rolled back. */
export interface RolledBack {
  /** The apply whose records were restored, and the apply that restored them. */
  readonly to: number;
  readonly serial: number;
  readonly by: string;
  readonly since: string;
  /** Where the branch stood. null: a working tree, which holds until somebody says `resume`. */
  readonly against: string | null;
}

/** A branch whose head does not follow the commit that was applied last: two hashes that a person can compare. */
export interface RewrittenBranch {
  readonly history: "forced" | "unrelated";
  readonly from: string;
  readonly to: string;
}

/** It is held back: whoever says `resume` has seen these two, and accepts no others. */
export interface HeldHistory extends RewrittenBranch {
  readonly since: string;
}

/** A person's word that this one rewrite may be applied. Spent by the next apply. */
export interface AcceptedHistory extends RewrittenBranch {
  readonly by: string;
  readonly since: string;
}
