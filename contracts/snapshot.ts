// A snapshot: every definition that a task may need, resolved when the task is made, named by its digest.
import type { Address } from "./address.ts";
import { type Digest, digestOf } from "./canonical.ts";
import type { Manifest } from "./manifest.ts";
import type { RecordSource, StateRecord } from "./record.ts";

export interface SnapshotEntry {
  readonly manifest: Manifest;
  readonly digest: Digest;
  readonly source: RecordSource;
}

export interface Snapshot {
  readonly digest: Digest;
  readonly entries: Readonly<Record<Address, SnapshotEntry>>;
}

/** Not of any use to a task that runs. */
const LEFT_OUT: readonly string[] = ["PolicyTest", "Task", "TaskSchedule"];

/** Everything but run-time requests and tests: a task keeps the whole set of definitions that was applied when it was made. */
export function makeSnapshot(records: Iterable<StateRecord>): Snapshot {
  const kept = [...records].filter(({ manifest }) => !LEFT_OUT.includes(manifest.kind));
  kept.sort((a, b) => (a.address < b.address ? -1 : 1));
  const entries = Object.fromEntries(
    kept.map(({ address, manifest, digest, source }) => [address, { manifest, digest, source }]),
  );
  return { digest: snapshotDigest(kept.map(({ address, digest }) => [address, digest])), entries };
}

/** Of addresses and digests of manifests, in any order. */
export function snapshotDigest(contents: readonly (readonly [Address, Digest])[]): Digest {
  return digestOf(contents.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
