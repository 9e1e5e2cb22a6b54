// What the state will hold once a plan is applied: the records to write, those to prune, and the whole. Pure.
import type { Address } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { keepFields } from "../drift/ignore.ts";
import type { LoadedManifest } from "../load/desired-set.ts";

export interface NextRecords {
  readonly writes: readonly StateRecord[];
  readonly prunes: readonly Address[];
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
  const prunes = open.filter(({ action }) => action === "prune").map(({ address }) => address);
  const writes = open
    .filter(({ action }) => action !== "prune")
    .map(({ address, afterDigest, kept = [] }) => {
      const found = declared.get(address);
      const loaded = found === undefined ? undefined : keepFields(found, records.get(address), kept);
      if (loaded === undefined || loaded.digest !== afterDigest) {
        throw new PermanentFailure("PLAN_SOURCE_MOVED", `${address} is not what the plan was made of`);
      }
      return makeRecord(loaded, records.get(address), plan.source, appliedAt);
    });
  const next = new Map(records);
  for (const address of prunes) next.delete(address);
  for (const record of writes) next.set(record.address, record);
  return { writes, prunes, all: [...next.values()] };
}

function makeRecord(
  loaded: LoadedManifest,
  record: StateRecord | undefined,
  source: Plan["source"],
  appliedAt: string,
): StateRecord {
  const { file, line, column } = loaded.place;
  return {
    address: loaded.address,
    manifest: loaded.manifest,
    digest: loaded.digest,
    generation: (record?.generation ?? 0) + 1,
    // A working tree with edits is not what its commit says.
    source: { repo: source.repo, commit: source.dirty ? null : source.headSha, file, line, column },
    // Filled by the store, which alone knows the serial that this apply will have.
    serial: 0,
    appliedAt,
  };
}
