// What a blocked change drags along: only what would leave a reference that leads nowhere. Pure.
import type { Address } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Change } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { createReferences, type ReadReferences } from "./references.ts";

export interface DependentsInput {
  readonly manifests: readonly LoadedManifest[];
  readonly records: ReadonlyMap<Address, StateRecord>;
}

/**
 * A record that stays keeps what it refers to; a record that is not made keeps back whatever refers to it. A change that
 * merely refers to a blocked one needs no block: the record is there, as it was.
 */
export function blockDependents(changes: readonly Change[], input: DependentsInput): readonly Change[] {
  if (!changes.some(({ blocked }) => blocked !== undefined)) return changes;
  const desired = new Map(input.manifests.map((loaded) => [loaded.address, loaded.manifest]));
  const read = createReferences([...desired.keys(), ...input.records.keys()]);
  let rows = changes;
  for (;;) {
    const next = blockOnce(rows, { ...input, desired, read });
    if (next === rows) return rows;
    rows = next;
  }
}

interface Known extends DependentsInput {
  readonly desired: ReadonlyMap<Address, Manifest>;
  readonly read: ReadReferences;
}

function blockOnce(rows: readonly Change[], known: Known): readonly Change[] {
  const needed = neededByKept(rows, known);
  const missing = missingAfter(rows, known);
  let found = false;
  const next = rows.map((change) => {
    if (change.blocked !== undefined) return change;
    const cause = causeOf(change, { needed, missing, known });
    if (cause === undefined) return change;
    found = true;
    return { ...change, blocked: { code: "DEPENDS_ON_BLOCKED", message: cause } };
  });
  return found ? next : rows;
}

/** What records that a blocked row leaves as they are refer to → the record that does. */
function neededByKept(rows: readonly Change[], { records, read }: Known): ReadonlyMap<Address, Address> {
  const needed = new Map<Address, Address>();
  for (const { address, previousAddress, blocked } of rows) {
    const record = blocked === undefined ? undefined : records.get(previousAddress ?? address);
    if (record === undefined) continue;
    for (const target of read(record.manifest)) if (!needed.has(target)) needed.set(target, record.address);
  }
  return needed;
}

function missingAfter(rows: readonly Change[], { records }: Known): ReadonlySet<Address> {
  const blocked = rows.filter((change) => change.blocked !== undefined && change.action !== "prune");
  return new Set(blocked.map(({ address }) => address).filter((address) => !records.has(address)));
}

interface Causes {
  readonly needed: ReadonlyMap<Address, Address>;
  readonly missing: ReadonlySet<Address>;
  readonly known: Known;
}

function causeOf(change: Change, { needed, missing, known }: Causes): string | undefined {
  const gone = change.action === "prune" ? change.address : change.previousAddress;
  const keeper = gone === undefined ? undefined : needed.get(gone);
  if (keeper !== undefined) return `\`${keeper}\` stays as it is, and refers to it`;
  const manifest = change.action === "prune" ? undefined : known.desired.get(change.address);
  if (manifest === undefined || missing.size === 0) return undefined;
  const absent = known.read(manifest).find((target) => missing.has(target));
  return absent === undefined ? undefined : `it refers to \`${absent}\`, which is blocked`;
}
