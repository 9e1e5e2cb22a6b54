// The rows of a plan: what is created, updated, moved and pruned, before anything is blocked. Pure.
import type { Address } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { type Change, type FieldChange, SENSITIVE } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { hideSensitive, sensitivePaths } from "../../contracts/sensitive.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { differingFields, valueAt } from "./field-diff.ts";

export function planCreate(loaded: LoadedManifest): Change {
  const { address, manifest, place } = loaded;
  const secrets = sensitivePaths(manifest);
  // Written out, and not put together from `describe`: ten thousand of them are made at once.
  return {
    address,
    kind: manifest.kind,
    namespace: manifest.metadata.namespace,
    name: manifest.metadata.name,
    action: "create",
    reason: "the state holds no record of it",
    source: place,
    after: hideSensitive(manifest, secrets),
    afterDigest: loaded.digest,
    sensitivePaths: secrets.toSorted(),
    fields: [],
  };
}

export function planUpdate(loaded: LoadedManifest, record: StateRecord): Change {
  const written = planWritten(loaded, record);
  const { length } = written.fields;
  const reason = `${length === 1 ? "1 field differs" : `${length} fields differ`} from generation ${record.generation}`;
  return { ...describe(loaded.manifest, loaded.address), action: "update", reason, ...written };
}

/** One row for a rename: generation and history go on under the new address. */
export function planMove(loaded: LoadedManifest, record: StateRecord): Change {
  return {
    ...describe(loaded.manifest, loaded.address),
    previousAddress: record.address,
    action: "move",
    reason: `its manifest says that it was ${record.address}`,
    ...planWritten(loaded, record),
  };
}

export function planPrune(record: StateRecord): Change {
  const { file, line, column } = record.source;
  return {
    ...describe(record.manifest, record.address),
    action: "prune",
    reason: "no manifest declares it any more",
    source: { file, line, column },
    before: hideSensitive(record.manifest),
    sensitivePaths: sensitivePaths(record.manifest).toSorted(),
    fields: [],
  };
}

type Written = Pick<Change, "source" | "before" | "after" | "afterDigest" | "sensitivePaths" | "fields">;

function planWritten(loaded: LoadedManifest, record: StateRecord): Written {
  const [before, after] = [hideSensitive(record.manifest), hideSensitive(loaded.manifest)];
  const paths = differingFields(record.manifest, loaded.manifest);
  const secrets = new Set([...sensitivePaths(record.manifest), ...sensitivePaths(loaded.manifest)]);
  return {
    source: loaded.place,
    before,
    after,
    afterDigest: loaded.digest,
    sensitivePaths: [...secrets].toSorted(),
    fields: paths.map((path) => planField({ path, loaded, record, before, after })),
  };
}

interface FieldInput {
  readonly path: string;
  readonly loaded: LoadedManifest;
  readonly record: StateRecord;
  readonly before: Manifest;
  readonly after: Manifest;
}

/** Differences are found in the real values and told in the hidden ones: a new secret shows that it changed, not what it is. */
function planField({ path, loaded, record, before, after }: FieldInput): FieldChange {
  const old = hiddenValue(record.manifest, before, path);
  const next = hiddenValue(loaded.manifest, after, path);
  return {
    path,
    ...(old === undefined ? {} : { before: old }),
    ...(next === undefined ? {} : { after: next }),
    source: loaded.locate(path),
  };
}

function hiddenValue(real: Manifest, hidden: Manifest, path: string): unknown {
  if (valueAt(real, path) === undefined) return undefined;
  const shown = valueAt(hidden, path);
  return shown === undefined ? SENSITIVE : shown;
}

function describe(manifest: Manifest, address: Address): Pick<Change, "address" | "kind" | "namespace" | "name"> {
  return { address, kind: manifest.kind, namespace: manifest.metadata.namespace, name: manifest.metadata.name };
}
