// What is wrong with an export, by name: the line, what stands or should stand there, and what was done to it.
export type FindingReason =
  /** It is not what was written. */
  | "altered"
  /** It was there, and is not. */
  | "dropped"
  /** It stands elsewhere than it was written, or once more. */
  | "reordered"
  /** The end is missing. */
  | "cut"
  /** It is whole in itself, and contradicts something else that is. */
  | "contradicted"
  /** A signed head whose signature does not hold, or is by another key than the one that was given. */
  | "forged";

export interface Finding {
  /** Counted from 1; of a file that was cut, the line behind its last. */
  readonly line: number;
  /** `event 5 of default/report`, `entry 12 of the audit log`. */
  readonly what: string;
  readonly reason: FindingReason;
  readonly detail: string;
}

/** Keeps the first ones, and counts the others: one loss can make everything behind it suspicious. */
export class Findings {
  static readonly #KEPT = 100;
  readonly #kept: Finding[] = [];
  #count = 0;

  add(line: number, what: string, reason: FindingReason, detail: string): void {
    this.#count += 1;
    if (this.#kept.length < Findings.#KEPT) this.#kept.push({ line, what, reason, detail });
  }

  /** What was thought to be dropped has come after all. */
  replace(what: string, by: Finding): boolean {
    const index = this.#kept.findIndex((finding) => finding.what === what && finding.reason === "dropped");
    if (index === -1) return false;
    this.#kept[index] = by;
    return true;
  }

  get count(): number {
    return this.#count;
  }

  get kept(): readonly Finding[] {
    return this.#kept.toSorted((a, b) => a.line - b.line);
  }
}
