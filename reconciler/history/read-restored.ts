// Reads back what the state held after an apply of the past, as a source that can be planned like any other.
import type { Address } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { type ApplyFacts, setDigestOf } from "../../contracts/history.ts";
import { manifestAddress } from "../../contracts/manifest.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import { readArchived } from "../../store/archive.ts";
import type { Redis } from "../../store/connect.ts";
import { type HistoryEntry, readAppliesAfter } from "../../store/history.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import type { PlannableSource } from "../plan/make-plan.ts";
import { readFacts } from "./read-facts.ts";
import { restoredSet } from "./restored-set.ts";

export type RestoredAnswer =
  | { readonly outcome: "ok"; readonly source: Extract<PlannableSource, { readonly status: "ok" }> }
  /** Manifests of it, or applies since, are no longer kept. */
  | { readonly outcome: "collected"; readonly missing: number }
  /** Made by a version that kept no records, or before a state key was set. */
  | { readonly outcome: "not-kept"; readonly why: string }
  /** Records were changed by something else than an apply, and what they were is gone. */
  | { readonly outcome: "differs" };

export interface RestoreInput {
  readonly env: string;
  readonly entry: HistoryEntry;
  readonly observed: ObservedState;
  /** The connection's key seals the state: entries without a seal are not believed. */
  readonly isKeyed: boolean;
}

export async function readRestored(redis: Redis, input: RestoreInput): Promise<RestoredAnswer> {
  const { env, entry, observed, isKeyed } = input;
  const facts = readFacts(entry);
  if (facts === undefined) return { outcome: "not-kept", why: "an older version made it, which kept no records" };
  if (isKeyed && !entry.sealed) return { outcome: "not-kept", why: "it was made before the state was sealed" };
  const entries = await readAppliesAfter(redis, env, entry.serial);
  const later = entries.flatMap((applied) => readFacts(applied) ?? []);
  const expected = (observed.head?.serial ?? 0) - entry.serial;
  if (entries.length !== expected || later.length !== expected) {
    return { outcome: "collected", missing: Math.max(1, expected - later.length) };
  }
  const wanted = restoredSet(observed.records, later);
  const found = await readWanted(redis, input, wanted);
  if (found.length !== wanted.size) return { outcome: "collected", missing: wanted.size - found.length };
  if (setDigestOf(found) !== facts.set) return { outcome: "differs" };
  return { outcome: "ok", source: sourceOf(facts, found.map(loadedOf)) };
}

/** What still stands in the state is taken from there. */
async function readWanted(
  redis: Redis,
  { env, observed: { head, records } }: RestoreInput,
  wanted: ReadonlyMap<Address, Digest>,
): Promise<StateRecord[]> {
  const gone = [...wanted].filter(([address, digest]) => records.get(address)?.digest !== digest);
  const lineage = head?.lineage ?? "";
  const archived = await readArchived(redis, { env, lineage }, [...new Set(gone.map(([, digest]) => digest))]);
  return [...wanted].flatMap(([address, digest]) => {
    const record = records.get(address)?.digest === digest ? records.get(address) : archived.get(digest);
    return record === undefined || manifestAddress(record.manifest) !== address ? [] : [record];
  });
}

function loadedOf({ address, manifest, digest, source: { file, line, column } }: StateRecord): LoadedManifest {
  const place = { file, line, column };
  return { address, manifest, digest, place, locate: () => place };
}

/** No ref: it is a commit of the past, whatever the branch says. */
function sourceOf(
  { source: { repo, headSha, path, dirty } }: ApplyFacts,
  loaded: readonly LoadedManifest[],
): Extract<PlannableSource, { readonly status: "ok" }> {
  const set = { manifests: loaded.toSorted((a, b) => (a.address < b.address ? -1 : 1)) };
  const load = { set, problems: [], manifestCount: loaded.length, fileCount: 0 };
  return { status: "ok", identity: { repo, ref: null, headSha, treeSha: null, path, dirty, commit: null }, set, load };
}
