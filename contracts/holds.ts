// What people told the reconciler to leave alone: a whole environment, a resource, or a branch after a rollback.

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
