// Somebody else's hand in the state: writes and removes records behind the reconciler's back, sealed as the store does it.
import { randomUUID } from "node:crypto";
import type { Address, KindName } from "../../../contracts/address.ts";
import { manifestDigest } from "../../../contracts/manifest.ts";
import type { ComparisonReader } from "../../../reconciler/drift/comparison-memory.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import type { SourceIdentity } from "../../../reconciler/source/source.ts";
import { type TickOptions, type TickOutcome, tick } from "../../../reconciler/tick.ts";
import type { Redis } from "../../../store/connect.ts";
import { environmentKeys } from "../../../store/keys.ts";
import { sealRecord } from "../../../store/sealed-record.ts";
import { readState, sealingOf } from "../../../store/state.ts";
import type { World } from "../apply/world.ts";
import { source, TOOL } from "../plan/builders.ts";

type Spec = Readonly<Record<string, unknown>>;

/** Changes a record's spec, and leaves everything else as it is. */
export async function tamper(redis: Redis, env: string, address: Address, specOf: (spec: Spec) => Spec): Promise<void> {
  const { head, records } = await readState(redis, env);
  const record = records.get(address);
  if (record === undefined || head === null) throw new Error(`no record ${address}`);
  const manifest = { ...record.manifest, spec: specOf(record.manifest.spec) };
  const changed = { ...record, manifest, digest: manifestDigest(manifest) };
  const sealing = { ...sealingOf(redis, env), lineage: head.lineage };
  await redis.hset(environmentKeys(env).records, address, sealRecord(changed, sealing));
}

/** Puts a record into the state that no apply wrote. */
export async function smuggle(redis: Redis, env: string, loaded: LoadedManifest): Promise<void> {
  const { head } = await readState(redis, env);
  const { address, manifest, digest, place } = loaded;
  const record = { address, manifest, digest, generation: 1, serial: 1, appliedAt: "2026-11-01T12:00:00Z" };
  const from = { ...place, repo: "elsewhere", commit: null };
  const sealing = { ...sealingOf(redis, env), lineage: head?.lineage ?? "" };
  await redis.hset(environmentKeys(env).records, address, sealRecord({ ...record, source: from }, sealing));
}

export async function removeRecord(redis: Redis, env: string, address: Address): Promise<void> {
  await redis.hdel(environmentKeys(env).records, address);
}

export interface TickWords {
  readonly selfHeal?: readonly KindName[];
  readonly headSha?: string;
  readonly now?: string;
  readonly comparison?: ComparisonReader;
}

/** One look of a reconciler that reads exactly these manifests at this commit. */
export async function tickOf(
  world: World,
  set: readonly LoadedManifest[],
  words: TickWords = {},
): Promise<TickOutcome> {
  const { now = "2026-11-01T12:00:00Z", selfHeal = [] } = words;
  const answer = source(set);
  const identity: SourceIdentity =
    words.headSha === undefined ? answer.identity : { ...answer.identity, headSha: words.headSha };
  const options: TickOptions = {
    source: { read: async () => ({ ...answer, identity }), history: async () => "fast-forward" },
    writer: { ...world.writer, now: () => new Date(now) },
    tool: TOOL,
    newId: randomUUID,
    allowHistory: [],
    selfHeal,
    onPlan: () => undefined,
    ...(words.comparison === undefined ? {} : { comparison: words.comparison }),
    signal: new AbortController().signal,
  };
  return await tick(options);
}
