// What the state will hold once a plan is applied: the records to write, those to prune, and the whole. Pure.
import type { Address } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Change, Plan } from "../../contracts/plan.ts";
import type { Place } from "../../contracts/problem.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { keepFields } from "../drift/ignore.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { findGuard } from "../plan/guards.ts";
import { inOrder } from "../plan/order.ts";

export interface NextRecords {
  /** What others refer to comes first. A record that moves is written here, and pruned where it was. */
  readonly writes: readonly StateRecord[];
  /** What refers to others goes first. */
  readonly prunes: readonly Address[];
  /** Unchanged records whose manifests stand elsewhere by now: a file may be renamed freely, and this is no change. */
  readonly refreshed: readonly StateRecord[];
  /** Everything that the state holds afterwards. */
  readonly all: readonly StateRecord[];
}

export interface NextInput {
  readonly plan: Pick<Plan, "changes" | "source">;
  /** Where the real values are: a plan hides the sensitive ones. */
  readonly manifests: readonly LoadedManifest[];
  readonly records: ReadonlyMap<Address, StateRecord>;
  readonly appliedAt: string;
}

/** Blocked changes stay undone. The manifests must be those that the plan was made of: stale.ts has compared them. */
export function nextRecords({ plan, manifests, records, appliedAt }: NextInput): NextRecords {
  const declared = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  const open = plan.changes.filter(({ blocked }) => blocked === undefined);
  const gone = open.flatMap((change) => (change.action === "prune" ? change.address : (change.previousAddress ?? [])));
  const writes = open
    .filter(({ action }) => action !== "prune")
    .map((change) => {
      const loaded = plannedManifest(change, declared, records);
      return makeRecord(loaded, records.get(change.previousAddress ?? change.address), plan.source, appliedAt);
    });
  refuseGuarded(open, records);
  const next = new Map(records);
  for (const address of gone) next.delete(address);
  for (const record of writes) next.set(record.address, record);
  const refreshed = refreshPlaces(manifests, { next, source: plan.source, written: new Set(writes) });
  for (const record of refreshed) next.set(record.address, record);
  return { writes: inOrder(writes), prunes: goneInOrder(gone, records), refreshed, all: [...next.values()] };
}

function plannedManifest(
  { address, afterDigest, kept = [] }: Change,
  declared: ReadonlyMap<Address, LoadedManifest>,
  records: NextInput["records"],
): LoadedManifest {
  const found = declared.get(address);
  const loaded = found === undefined ? undefined : keepFields(found, records.get(address), kept);
  if (loaded !== undefined && loaded.digest === afterDigest) return loaded;
  throw new PermanentFailure("PLAN_SOURCE_MOVED", `${address} is not what the plan was made of`);
}

/** The planner blocks such a prune. This holds whoever made the plan, and whatever became of its file. */
function refuseGuarded(open: readonly Change[], records: NextInput["records"]): void {
  for (const { action, address } of open) {
    const record = action === "prune" ? records.get(address) : undefined;
    const guard = record === undefined ? undefined : findGuard(record.manifest);
    if (guard === undefined) continue;
    throw new PermanentFailure("PRUNE_GUARDED", `${address} says \`${guard.annotation}\`: no plan may prune it`);
  }
}

function goneInOrder(gone: readonly Address[], records: NextInput["records"]): Address[] {
  return inOrder(gone.flatMap((address) => records.get(address) ?? []))
    .map(({ address }) => address)
    .toReversed();
}

interface Refreshing {
  readonly next: ReadonlyMap<Address, StateRecord>;
  readonly source: Plan["source"];
  readonly written: ReadonlySet<StateRecord>;
}

/** Generation and time stay: nothing of the record's content is new. */
function refreshPlaces(manifests: readonly LoadedManifest[], { next, source, written }: Refreshing): StateRecord[] {
  return manifests.flatMap(({ address, digest, place }) => {
    const record = next.get(address);
    if (record === undefined || record.digest !== digest || written.has(record)) return [];
    const { file, line, column } = record.source;
    if (file === place.file && line === place.line && column === place.column) return [];
    return [{ ...record, source: recordSource(place, source) }];
  });
}

function makeRecord(
  loaded: LoadedManifest,
  record: StateRecord | undefined,
  source: Plan["source"],
  appliedAt: string,
): StateRecord {
  return {
    address: loaded.address,
    manifest: loaded.manifest,
    digest: loaded.digest,
    generation: (record?.generation ?? 0) + 1,
    source: recordSource(loaded.place, source),
    // Filled by the store, which alone knows the serial that this apply will have.
    serial: 0,
    appliedAt,
  };
}

/** A working tree with edits is not what its commit says. */
function recordSource({ file, line, column }: Place, { repo, dirty, headSha }: Plan["source"]): StateRecord["source"] {
  return { repo, commit: dirty ? null : headSha, file, line, column };
}
