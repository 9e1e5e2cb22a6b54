// Drift as a value: where the state or the world differs from what was applied last, and what a person may do about it.
import type { Change, PlanSource } from "./plan.ts";

/** `record`: changed under us · `world`: what a record relies on is otherwise · `undeclared`: no manifest declares it. */
export type DriftSort = "record" | "world" | "undeclared";

export type DriftCode =
  | "RECORD_CHANGED"
  | "RECORD_ADDED"
  | "RECORD_REMOVED"
  | "RECORD_UNDECLARED"
  | "TOOL_DRIFTED"
  | "TOOL_GONE"
  | "SECRET_ABSENT"
  | "ENDPOINT_UNRESOLVED"
  | "SCHEDULE_MISSING"
  | "SCHEDULE_DIFFERS";

/** Text that a person can paste. null: there is no such way; `notes` says why where that is not plain. */
export interface DriftOffers {
  /** A unified diff for `git apply` at the repository's root: what is there becomes what is declared. */
  readonly adopt: string | null;
  /** The command, or the one sentence, that brings back what was applied. */
  readonly revert: string | null;
  /** Lines for `countwheel.yaml`. */
  readonly ignore: string | null;
  readonly notes: readonly string[];
}

/** CONTRACT: shaped like a plan's change. `before` is what was applied, `after` what is there. */
export interface DriftChange extends Change {
  readonly drift: {
    readonly sort: DriftSort;
    readonly code: DriftCode;
    /** Of a drift of the world: one sentence on how the world becomes what the record says. */
    readonly mend?: string;
    /** Of a tool that is not the pinned one, where a runner has seen both: `- field: value`, `+ field: value`. */
    readonly difference?: readonly string[];
    /** Absent in a plan: `drift` makes them. */
    readonly offers?: DriftOffers;
  };
}

/** CONTRACT: lists answer `{formatVersion, items}`. */
export interface DriftReport {
  readonly formatVersion: "1";
  readonly env: string;
  readonly source: Omit<PlanSource, "history">;
  readonly state: { readonly lineage: string; readonly serial: number };
  readonly counts: Readonly<Record<DriftSort, number>>;
  readonly items: readonly DriftChange[];
  /** Lines for people: what could not be told. That is no drift. */
  readonly unknown: readonly string[];
}

export function countDrift(drift: readonly DriftChange[]): Readonly<Record<DriftSort, number>> {
  const count = (sort: DriftSort): number => drift.filter((change) => change.drift.sort === sort).length;
  return { record: count("record"), world: count("world"), undeclared: count("undeclared") };
}

/** Public, as the last line of a plan is. */
export function driftCountLine({ counts: { record, world, undeclared } }: Pick<DriftReport, "counts">): string {
  if (record + world + undeclared === 0) return "No drift.";
  return `Drift: ${record} of records, ${world} of the world, ${undeclared} undeclared.`;
}
