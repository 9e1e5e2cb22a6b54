// Drift of records: those that somebody else changed, added or removed, and those that no manifest declares. Pure.
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { DriftChange, DriftCode } from "../../contracts/drift.ts";
import type { IgnoreRule } from "../../contracts/environment.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { type Change, type FieldChange, SENSITIVE } from "../../contracts/plan.ts";
import type { Place } from "../../contracts/problem.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import { hideSensitive, sensitivePaths } from "../../contracts/sensitive.ts";
import type { RecordComparison, RecordDifference } from "../../store/scripts/compare-records.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { differingFields, valueAt } from "../plan/field-diff.ts";
import { ignoredPointers, isIgnored, keepIgnored } from "./ignore.ts";

export interface RecordDriftInput {
  readonly observed: ObservedState;
  readonly comparison: RecordComparison;
  /** What the commit declares: the content that was applied is there, unless the manifest has changed since. */
  readonly manifests: readonly LoadedManifest[];
  readonly ignore: readonly IgnoreRule[];
}

/**
 * By address. A record that is as the commit declares it is no drift, whoever wrote it: that is how drift is adopted.
 * What was written between the two reads is left to the next look.
 */
export function findRecordDrift({ observed, comparison, manifests, ignore }: RecordDriftInput): DriftChange[] {
  if (comparison.differences.length === 0) return [];
  const declared = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  return comparison.differences.flatMap((difference) => {
    const { address, found } = difference;
    const record = observed.records.get(address);
    if ((record?.digest ?? null) !== found) return [];
    return describeDifference(difference, record, declared.get(address), ignore);
  });
}

/**
 * Changed records of which only the next apply can tell: fields of theirs are ignored, and their manifests have changed
 * since they were applied, so that whether anything else in them is otherwise is not known.
 */
export function findUntellable({ observed, comparison, manifests, ignore }: RecordDriftInput): Address[] {
  const declared = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  return comparison.differences.flatMap(({ address, applied, found }) => {
    const [record, loaded] = [observed.records.get(address), declared.get(address)];
    if (record === undefined || loaded === undefined || applied === null || record.digest !== found) return [];
    const isTold = loaded.digest === applied || keepIgnored(loaded, record, ignore).digest === found;
    return isTold || ignoredPointers(record.manifest, ignore).length === 0 ? [] : [address];
  });
}

function describeDifference(
  { address, applied }: RecordDifference,
  record: StateRecord | undefined,
  declared: LoadedManifest | undefined,
  ignore: readonly IgnoreRule[],
): DriftChange[] {
  if (declared !== undefined && record?.digest === keepIgnored(declared, record, ignore).digest) return [];
  // Only then is it known what the record held: the state keeps digests of what was applied, not copies.
  const known = declared !== undefined && declared.digest === applied ? declared : undefined;
  if (record === undefined) return removed(address, declared, known);
  if (applied === null) return [added(record, declared)];
  if (known === undefined && ignoredPointers(record.manifest, ignore).length > 0) return [];
  return [changed(record, declared, known, ignore)];
}

function changed(
  record: StateRecord,
  declared: LoadedManifest | undefined,
  known: LoadedManifest | undefined,
  ignore: readonly IgnoreRule[],
): DriftChange {
  const fields = known === undefined ? [] : driftedFields(known, record, ignore);
  const what =
    fields.length === 1 ? "1 field is" : fields.length === 0 ? "its content is" : `${fields.length} fields are`;
  const since = known === undefined ? "; its manifest has changed since, so the fields cannot be told" : "";
  return {
    ...describe(record.manifest, record.address),
    action: "update",
    reason: `${what} not what was applied${since}`,
    source: declared?.place ?? placeOf(record),
    ...(known === undefined ? {} : { before: hideSensitive(known.manifest) }),
    after: hideSensitive(record.manifest),
    sensitivePaths: allSensitive(known?.manifest, record.manifest),
    fields,
    drift: facts("RECORD_CHANGED"),
  };
}

function driftedFields(known: LoadedManifest, record: StateRecord, ignore: readonly IgnoreRule[]): FieldChange[] {
  const [before, after] = [hideSensitive(known.manifest), hideSensitive(record.manifest)];
  return differingFields(known.manifest, record.manifest)
    .filter((path) => !isIgnored(record.manifest, path, ignore))
    .map((path) => {
      const old = hiddenValue(known.manifest, before, path);
      const next = hiddenValue(record.manifest, after, path);
      return {
        path,
        ...(old === undefined ? {} : { before: old }),
        ...(next === undefined ? {} : { after: next }),
        source: known.locate(path),
      };
    });
}

/** Differences are found in the real values and told in the hidden ones. */
function hiddenValue(real: Manifest, hidden: Manifest, path: string): unknown {
  return valueAt(real, path) === undefined ? undefined : (valueAt(hidden, path) ?? SENSITIVE);
}

function added(record: StateRecord, declared: LoadedManifest | undefined): DriftChange {
  return {
    ...describe(record.manifest, record.address),
    action: "create",
    reason: "it is in the state, and no apply wrote it",
    source: declared?.place ?? placeOf(record),
    after: hideSensitive(record.manifest),
    sensitivePaths: sensitivePaths(record.manifest).toSorted(),
    fields: [],
    drift: facts("RECORD_ADDED"),
  };
}

/** One that nobody declares any more, and that is gone, is as it should be. */
function removed(
  address: Address,
  declared: LoadedManifest | undefined,
  known: LoadedManifest | undefined,
): DriftChange[] {
  const parts = parseAddress(address);
  if (declared === undefined || parts === undefined) return [];
  return [
    {
      address,
      ...parts,
      action: "prune",
      reason: "an apply wrote it, and somebody removed it from the state",
      source: declared.place,
      ...(known === undefined ? {} : { before: hideSensitive(known.manifest) }),
      sensitivePaths: known === undefined ? [] : sensitivePaths(known.manifest).toSorted(),
      fields: [],
      drift: facts("RECORD_REMOVED"),
    },
  ];
}

export interface UndeclaredInput {
  readonly records: ReadonlyMap<Address, StateRecord>;
  readonly manifests: readonly LoadedManifest[];
  /** Of the plan: what it prunes, or would prune if its file were read, is no drift. */
  readonly changes: readonly Change[];
  readonly ignore: readonly IgnoreRule[];
  /** Told already, as records that no apply wrote. */
  readonly told: readonly Pick<DriftChange, "address">[];
}

/** Records that stay although nothing declares them, such as retained ones. Only for a source that was read whole. */
export function findUndeclared({ records, manifests, changes, ignore, told }: UndeclaredInput): DriftChange[] {
  const declared = new Set<string>([...manifests, ...told].map(({ address }) => address));
  const pruned = new Map(changes.filter(({ action }) => action === "prune").map((change) => [change.address, change]));
  return [...records.values()].flatMap((record) => {
    const { address, manifest } = record;
    const blocked = pruned.get(address)?.blocked;
    const isPlanned = pruned.has(address) && (blocked === undefined || blocked.code === "FILE_SKIPPED");
    if (declared.has(address) || isPlanned || isIgnored(manifest, "/spec", ignore)) return [];
    return [undeclared(record, blocked?.message)];
  });
}

function undeclared(record: StateRecord, why: string | undefined): DriftChange {
  return {
    ...describe(record.manifest, record.address),
    action: "create",
    reason: `no manifest declares it${why === undefined ? "" : `, and it stays: ${why}`}`,
    source: placeOf(record),
    after: hideSensitive(record.manifest),
    sensitivePaths: sensitivePaths(record.manifest).toSorted(),
    fields: [],
    drift: { ...facts("RECORD_UNDECLARED"), sort: "undeclared" },
  };
}

function facts(code: DriftCode): DriftChange["drift"] {
  return { sort: "record", code };
}

function placeOf({ source: { file, line, column } }: StateRecord): Place {
  return { file, line, column };
}

function allSensitive(...manifests: readonly (Manifest | undefined)[]): string[] {
  return [
    ...new Set(manifests.flatMap((manifest) => (manifest === undefined ? [] : sensitivePaths(manifest)))),
  ].toSorted();
}

function describe(manifest: Manifest, address: Address): Pick<Change, "address" | "kind" | "namespace" | "name"> {
  return { address, kind: manifest.kind, namespace: manifest.metadata.namespace, name: manifest.metadata.name };
}
