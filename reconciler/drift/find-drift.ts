// Looks for drift three ways: records that changed under us, the world behind them, records that nobody declares.
import { countDrift, type DriftChange, type DriftReport } from "../../contracts/drift.ts";
import type { IgnoreRule } from "../../contracts/environment.ts";
import type { Change } from "../../contracts/plan.ts";
import type { ObservedState } from "../../contracts/record.ts";
import type { RecordComparison } from "../../store/scripts/compare-records.ts";
import type { PlannableSource } from "../plan/make-plan.ts";
import { type ProbeAnswer, worldDrift } from "./probe.ts";
import { findRecordDrift, findUndeclared, findUntellable } from "./record-drift.ts";

export interface DriftInput {
  readonly env: string;
  readonly source: PlannableSource;
  readonly observed: ObservedState;
  readonly comparison: RecordComparison;
  readonly world: ProbeAnswer;
  /** Of the plan of this source against this state. */
  readonly changes: readonly Change[];
  readonly ignore: readonly IgnoreRule[];
}

/** Pure. */
export function findDrift(input: DriftInput): DriftReport {
  const { env, source, observed, comparison, world, ignore } = input;
  const { manifests } = source.load.set;
  const records = findRecordDrift({ observed, comparison, manifests, ignore });
  const untellable = findUntellable({ observed, comparison, manifests, ignore }).map(
    (address) => `${address}: some of its fields are ignored and its manifest has changed; the next apply tells`,
  );
  const undeclared =
    source.status === "ok"
      ? findUndeclared({ records: observed.records, manifests, changes: input.changes, ignore, told: records })
      : [];
  const items = [...records, ...worldDrift(world.findings, manifests, ignore), ...undeclared].toSorted(compareDrift);
  const { commit: _commit, ...identity } = source.identity;
  return {
    formatVersion: "1",
    env,
    source: identity,
    state: { lineage: observed.head?.lineage ?? "", serial: observed.head?.serial ?? 0 },
    counts: countDrift(items),
    items,
    unknown: [...untold(source, comparison), ...untellable, ...world.unknown],
  };
}

function untold({ status }: PlannableSource, { known }: RecordComparison): string[] {
  return [
    ...(known ? [] : ["the last apply kept no inventory of what it wrote; records are compared after the next one"]),
    ...(status === "ok" ? [] : ["the manifests have errors, so records that nothing declares were not looked for"]),
  ];
}

const SORTS = ["record", "world", "undeclared"] as const;

function compareDrift(a: DriftChange, b: DriftChange): number {
  const bySort = SORTS.indexOf(a.drift.sort) - SORTS.indexOf(b.drift.sort);
  return bySort || compareText(a.address, b.address) || compareText(keyOf(a), keyOf(b));
}

function keyOf({ drift, fields }: DriftChange): string {
  return `${drift.code} ${fields[0]?.path ?? ""}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
