// Remembers what rounds of drift found in the records, so that the plans in between can tell it without comparing anew.
import type { Redis } from "../../store/connect.ts";
import { compareRecords, type RecordComparison } from "../../store/scripts/compare-records.ts";

/** What a look needs of it. */
export interface ComparisonReader {
  /** Records that were written since are left out by whoever tells drift: each carries the digest that was found. */
  read(): Promise<RecordComparison>;
}

export class ComparisonMemory implements ComparisonReader {
  private readonly redis: Redis;
  private readonly env: string;
  private last: RecordComparison | undefined;

  constructor(redis: Redis, env: string) {
    this.redis = redis;
    this.env = env;
  }

  /** The first time it compares itself; from then on the rounds do. */
  async read(): Promise<RecordComparison> {
    this.last ??= await compareRecords(this.redis, this.env);
    return this.last;
  }

  /** Answers whether other records differ than before, or in another way. */
  note(comparison: RecordComparison): boolean {
    const before = keyOf(this.last);
    this.last = comparison;
    return before !== keyOf(comparison);
  }
}

function keyOf(comparison: RecordComparison | undefined): string {
  return JSON.stringify(comparison?.differences ?? []);
}
