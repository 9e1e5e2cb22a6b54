// Snapshots by their digest: written once, verified at every read, dropped when no task names them any more.
import type { Address } from "../contracts/address.ts";
import { type Digest, digestText } from "../contracts/canonical.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import { manifestDigest } from "../contracts/manifest.ts";
import { type Snapshot, type SnapshotEntry, snapshotDigest } from "../contracts/snapshot.ts";
import { ask } from "./ask.ts";
import { type Redis, stateKeyOf } from "./connect.ts";
import { snapshotKey } from "./keys.ts";
import { corrupt, jsonOf, objectOf } from "./reply.ts";
import { markSnapshots } from "./scripts/snapshot-marks.ts";

/**
 * `<seal> <json>`. The first one stays: content of one digest may differ only in places of the same manifests. To be called
 * before every task that is made, however often: for an hour from then on it is kept though no task names it yet.
 */
export async function putSnapshot(redis: Redis, env: string, snapshot: Snapshot): Promise<void> {
  const key = snapshotKey(env, snapshot.digest);
  // The mark is first: whoever drops looks at it, so that either it stays or it is seen to be gone here.
  await markSnapshots(redis, env, [snapshot.digest]);
  if ((await ask(redis, () => redis.exists(key))) === 1) return;
  const json = JSON.stringify(snapshot);
  await ask(redis, () => redis.set(key, `${digestText(json)} ${json}`, "NX"));
}

/** Throws PermanentFailure SNAPSHOT_MISSING or STATE_CORRUPT. */
export async function readSnapshot(redis: Redis, env: string, digest: string): Promise<Snapshot> {
  const what = `the snapshot ${digest} of environment ${env}`;
  const text = await ask(redis, () => redis.get(snapshotKey(env, digest)));
  if (text === null)
    throw new PermanentFailure("SNAPSHOT_MISSING", `${what} is gone: the task cannot go on without it`);
  const seal = text.slice(0, text.indexOf(" "));
  const json = text.slice(seal.length + 1);
  if (digestText(json) !== seal) throw corrupt(what, "its bytes do not match its digest");
  const snapshot = objectOf(what, jsonOf(what, json));
  if (snapshot["digest"] !== digest) throw corrupt(what, "it is another snapshot");
  const entries = objectOf(what, snapshot["entries"]) as Readonly<Record<string, SnapshotEntry>>;
  // A digest of bytes shows damage. With a key the task's seal covers the snapshot's name, and the name covers this.
  if (stateKeyOf(redis) !== undefined && contentDigest(entries) !== digest)
    throw corrupt(what, "its definitions do not match its name");
  return { digest: digest as Digest, entries };
}

function contentDigest(entries: Readonly<Record<string, SnapshotEntry>>): Digest {
  return snapshotDigest(
    Object.entries(entries).map(([address, { manifest }]) => [address as Address, manifestDigest(manifest)]),
  );
}
