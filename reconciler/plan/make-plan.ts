// Makes the plan: desired set against observed state, as a value. Pure: same inputs, same bytes.
import type { Address } from "../../contracts/address.ts";
import type { Suspension } from "../../contracts/holds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import {
  type AccessChange,
  type Change,
  type FieldChange,
  type History,
  PLAN_FORMAT_VERSION,
  type Plan,
  type PlanCounts,
  planDigest,
  SENSITIVE,
} from "../../contracts/plan.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import { compareProblems, hasErrors, type Problem } from "../../contracts/problem.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import { hideSensitive, sensitivePaths } from "../../contracts/sensitive.ts";
import { blockSuspended } from "../holds/suspended.ts";
import type { LoadedManifest, LoadResult } from "../load/desired-set.ts";
import type { SourceAnswer } from "../source/source.ts";
import { accessChanges } from "./access.ts";
import { configDigestOf } from "./config-digest.ts";
import { differingFields, valueAt } from "./field-diff.ts";

/** How long a saved plan may wait for its apply. */
const PLAN_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** Only what could be read can be planned: an unavailable source has no plan, by type. */
export type PlannableSource = Exclude<SourceAnswer, { readonly status: "unavailable" }>;

export interface PlanInput {
  readonly source: PlannableSource;
  /** How the source's head follows the commit that was applied last. */
  readonly history: History;
  readonly observed: ObservedState;
  readonly env: string;
  readonly now: Date;
  readonly planId: string;
  readonly tool: { readonly name: string; readonly version: string };
  /** Resources that somebody suspended: their changes become blocked rows. */
  readonly suspended?: ReadonlyMap<Address, Suspension>;
}

export function makePlan(input: PlanInput): Plan {
  const { source, observed, env, now } = input;
  const desired = source.load.set.manifests;
  const problems = (source.status === "ok" ? source.load.problems : source.problems).toSorted(compareProblems);
  const changes = blockSuspended(planChanges(source, observed.records), input.suspended ?? new Map());
  const { commit: _commit, ...identity } = source.identity;
  const body = {
    formatVersion: PLAN_FORMAT_VERSION,
    planId: input.planId,
    createdAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + PLAN_LIFETIME_MS).toISOString(),
    tool: input.tool,
    source: { ...identity, history: input.history },
    state: planState(env, observed, changes),
    policyDigest: policyDigestOf(desired),
    configDigest: configDigestOf({ env, ...identity }),
    counts: countChanges(changes, desired.length, problems),
    changes,
    access: planAccess(source, observed, changes),
    drift: [],
    problems,
    confirm: null,
    hints: [],
    applyable: isApplyable(changes, problems),
  } as const;
  return { ...body, digest: planDigest(body) };
}

function planChanges(source: PlannableSource, records: ReadonlyMap<Address, StateRecord>): Change[] {
  const desired = source.load.set.manifests;
  const written = desired.flatMap((loaded) => planManifest(loaded, records.get(loaded.address)));
  // A broken file may hold the manifest of any record: what is missing from an invalid set is not known to be gone.
  const pruned = source.status === "ok" ? planPrunes(source, records) : [];
  return [...written, ...pruned].toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

function planManifest(loaded: LoadedManifest, record: StateRecord | undefined): Change[] {
  if (record === undefined) return [planCreate(loaded)];
  return record.digest === loaded.digest ? [] : [planUpdate(loaded, record)];
}

function planCreate(loaded: LoadedManifest): Change {
  return {
    ...describe(loaded.manifest, loaded.address),
    action: "create",
    reason: "the state holds no record of it",
    source: loaded.place,
    after: hideSensitive(loaded.manifest),
    afterDigest: loaded.digest,
    sensitivePaths: sensitivePaths(loaded.manifest).toSorted(),
    fields: [],
  };
}

function planUpdate(loaded: LoadedManifest, record: StateRecord): Change {
  const [before, after] = [hideSensitive(record.manifest), hideSensitive(loaded.manifest)];
  const paths = differingFields(record.manifest, loaded.manifest);
  const secrets = new Set([...sensitivePaths(record.manifest), ...sensitivePaths(loaded.manifest)]);
  return {
    ...describe(loaded.manifest, loaded.address),
    action: "update",
    reason: `${paths.length === 1 ? "1 field differs" : `${paths.length} fields differ`} from generation ${record.generation}`,
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

function planPrunes({ load }: PlannableSource, records: ReadonlyMap<Address, StateRecord>): Change[] {
  const declared = new Set(load.set.manifests.map(({ address }) => address));
  const gone = [...records.values()].filter(({ address }) => !declared.has(address));
  const isSkipped = skippedFiles(load);
  return gone.map((record) => (isSkipped(record.source.file) ? blockPrune(planPrune(record)) : planPrune(record)));
}

/** Left out with a warning: a link, a submodule, a text that is no manifest (any more), a kind that is not ours. */
const SKIPPED: readonly Problem["code"][] = ["UNSUPPORTED_FILE", "NOT_A_MANIFEST", "UNKNOWN_KIND"];

/**
 * Files, and folders that files stood in, which are there but of which nothing was read. A document without a kind among
 * others that were read is hardly meant so: its file counts, too. Other systems' objects beside ours are usual.
 */
function skippedFiles({ set, problems }: LoadResult): (file: string) => boolean {
  const read = new Set(set.manifests.map(({ place }) => place.file));
  const unread = problems.filter(({ code, file }) => SKIPPED.includes(code) && !read.has(file));
  const partly = problems.filter(({ code }) => code === "NOT_A_MANIFEST");
  const skipped = new Set([...unread, ...partly].map(({ file }) => file));
  return (file) => skipped.has(file) || foldersOf(file).some((folder) => skipped.has(folder));
}

/** `a/b/c.yaml` → `a`, `a/b`. */
function foldersOf(file: string): string[] {
  const names = file.split("/").slice(0, -1);
  return names.map((_name, index) => names.slice(0, index + 1).join("/"));
}

/** Unreadable is never empty: what stood in such a file is not known to be gone. */
function blockPrune(change: Change): Change {
  const message = `\`${change.source.file}\`, where it stood, is there but is not read; mend the file, or delete it`;
  return { ...change, blocked: { code: "FILE_SKIPPED", message } };
}

function planPrune(record: StateRecord): Change {
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

function describe(manifest: Manifest, address: Address): Pick<Change, "address" | "kind" | "namespace" | "name"> {
  return { address, kind: manifest.kind, namespace: manifest.metadata.namespace, name: manifest.metadata.name };
}

function planState(env: string, { head, records }: ObservedState, changes: readonly Change[]): Plan["state"] {
  const touched = changes.map(({ address }) => ({ address, digest: records.get(address)?.digest ?? null }));
  return { env, lineage: head?.lineage ?? "", serial: head?.serial ?? 0, touched };
}

export function countActions(changes: readonly Change[]): Omit<PlanCounts, "noop" | "invalid"> {
  const open = changes.filter(({ blocked }) => blocked === undefined);
  const count = (action: Change["action"]): number => open.filter((change) => change.action === action).length;
  return {
    create: count("create"),
    update: count("update"),
    move: count("move"),
    prune: count("prune"),
    blocked: changes.length - open.length,
  };
}

function countChanges(changes: readonly Change[], declared: number, problems: readonly Problem[]): PlanCounts {
  const written = changes.filter(({ action }) => action !== "prune").length;
  const broken = problems.filter(({ severity }) => severity === "error").map(({ address, file }) => address ?? file);
  return { ...countActions(changes), noop: declared - written, invalid: new Set(broken).size };
}

function isApplyable(changes: readonly Change[], problems: readonly Problem[]): boolean {
  if (hasErrors(problems)) return false;
  return changes.length === 0 || changes.some(({ blocked }) => blocked === undefined);
}

/** What an invalid set would grant is not known: broken manifests could hold the policy that takes it away. */
function planAccess(
  source: PlannableSource,
  observed: ObservedState,
  changes: readonly Change[],
): readonly AccessChange[] {
  if (source.status !== "ok") return [];
  return accessChanges([...observed.records.values()], source.load.set.manifests, changes);
}
