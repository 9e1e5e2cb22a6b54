// How much a decision looks at: counted in steps, so that no pattern, list or text of any size holds up everything else.
// Counted and not timed, because a decision must come out the same on every machine.

/** What one decision may take: some 20 ms on a slow core. A step is what RE2 does with one character in one of its states. */
const MAX_WORK = 400_000;

export class Work {
  #steps = 0;

  /** False once there were too many: nobody can tell any more. */
  spend(steps: number): boolean {
    this.#steps += steps;
    return !this.isSpent();
  }

  /** The sum does not depend on the order of what was looked at, so neither does this. */
  isSpent(): boolean {
    return this.#steps > MAX_WORK;
  }
}

/** How many values a JSON value consists of. */
export function countValues(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + Object.values(value).reduce((sum: number, inner: unknown) => sum + countValues(inner), 0);
}
