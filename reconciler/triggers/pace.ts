// How soon a ring may be followed by a look: the first at once, those of a storm ever later, so that a hundred pushes are
// a few plans. Pure, but for what it remembers.

export interface PaceLimits {
  /** The rest after the end of the first look of a storm; it doubles with each further one. */
  readonly firstMs: number;
  readonly longestMs: number;
}

export const PACE: PaceLimits = { firstMs: 500, longestMs: 4_000 };

/** Looks that somebody rang for. Times are of one monotonic clock, in milliseconds. */
export class Pace {
  readonly #limits: PaceLimits;
  #spacingMs = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
  }

  /** How long a ring at `now` has to wait for its look. */
  delayMs(now: number): number {
    return Math.max(0, this.#lastAt + this.#spacingMs - now);
  }

  /** A look that was rung for begins. One that comes long after the last begins a new count. */
  noteLook(now: number): void {
    const { firstMs, longestMs } = this.#limits;
    const isCalm = now - this.#lastAt > 2 * Math.max(firstMs, this.#spacingMs);
    this.#spacingMs = isCalm ? firstMs : Math.min(longestMs, Math.max(firstMs, 2 * this.#spacingMs));
    this.#lastAt = now;
  }

  /** It ended: rests are counted from here, so that slow looks make a storm no calmer. */
  noteEnd(now: number): void {
    this.#lastAt = now;
  }
}

/** The same on average; a tenth earlier or later, so that many reconcilers do not ask one server in step. */
export function withJitter(ms: number, random: () => number): number {
  return Math.round(ms * (0.9 + 0.2 * random()));
}
