// Makes the plan: desired set against observed state, as a value. Pure: same inputs, same bytes.
import type { Address } from "../../contracts/address.ts";
import { defaultSettings, type EnvironmentSettings, type IgnoreRule } from "../../contracts/environment.ts";
import type { Suspension } from "../../contracts/holds.ts";
import {
  type AccessChange,
  type Change,
  type History,
  PLAN_FORMAT_VERSION,
  type Plan,
  type PlanCounts,
  planDigest,
} from "../../contracts/plan.ts";
import { compareProblems, hasErrors, type Problem } from "../../contracts/problem.ts";
import { digestIn, type ObservedState, type RecordMap, type StateRecord } from "../../contracts/record.ts";
import type { RecordComparison } from "../../store/scripts/compare-records.ts";
import { keepIgnoredIn, nameKept } from "../drift/ignore.ts";
import { type WorldFinding, worldDrift } from "../drift/probe.ts";
import { findRecordDrift } from "../drift/record-drift.ts";
import { blockSuspended } from "../holds/suspended.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import type { SourceAnswer } from "../source/source.ts";
import { accessChanges, mayMoveAccess } from "./access.ts";
import { planCreate, planMove, planPrune, planUpdate } from "./changes.ts";
import { compareSet, type SetComparison } from "./compare-set.ts";
import { configDigestOf } from "./config-digest.ts";
import { findConfirm, isRootMoved } from "./confirm.ts";
import { blockDependents } from "./dependents.ts";
import { guardPrune } from "./guards.ts";
import { findAlike, hintsFor } from "./hints.ts";
import { blockUnsafe } from "./isolate.ts";
import { findMoves, type Moves } from "./moves.ts";
import { blockSkipped, skippedFiles } from "./skipped-files.ts";

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
  /** Default: what holds where nobody has written any. */
  readonly settings?: EnvironmentSettings;
  /** Fields that this environment does not manage; default: as its settings say. */
  readonly ignore?: readonly IgnoreRule[];
  /** The records against what applies have written; absent: the plan tells of no drift. */
  readonly comparison?: RecordComparison;
  /** Tools that are not the pinned ones, as runners saw them. */
  readonly drifted?: readonly WorldFinding[];
}

/** `compare`: for whoever knows an earlier comparison; what it answers is what {@link compareSet} would. */
export function makePlan(input: PlanInput, compare: typeof compareSet = compareSet): Plan {
  const { observed, env, now } = input;
  const ground = groundOf(input, compare);
  const { source, manifests: desired, records, settings, compared } = ground;
  const moves = findMoves(compared);
  const changes = planChanges(ground, moves);
  const problems = [...problemsOf(source), ...moves.problems].toSorted(compareProblems);
  const alike = findAlike({ changes, manifests: desired, records });
  const counts = countChanges(changes, desired.length, problems);
  const counted = { prunes: counts.prune, declared: desired.length, records: records.size, moved: alike.length };
  const mayApply = !hasErrors(problems) || (isIsolated(ground) && moves.problems.length === 0);
  const { commit: _commit, ...identity } = source.identity;
  const body = {
    formatVersion: PLAN_FORMAT_VERSION,
    planId: input.planId,
    createdAt: now.toISOString(),
    expiresAt: expiryOf(now),
    tool: input.tool,
    source: { ...identity, history: input.history },
    state: planState(env, observed, changes),
    policyDigest: compared.policyDigest,
    configDigest: configDigestOf({ env, ...identity, settings }),
    counts,
    changes,
    access: planAccess(source, observed, changes),
    drift: planDrift(input, ground),
    problems,
    confirm: findConfirm(counted, settings.prunes),
    hints: hintsFor(alike, isRootMoved(counted)),
    applyable: mayApply && canProceed(changes, problems),
  } as const;
  return { ...body, digest: planDigest(body) };
}

export function expiryOf(now: Date): string {
  return new Date(now.getTime() + PLAN_LIFETIME_MS).toISOString();
}

/** What every step of the plan looks at. */
interface Ground {
  readonly source: PlannableSource;
  readonly manifests: readonly LoadedManifest[];
  readonly records: RecordMap;
  readonly compared: SetComparison;
  readonly settings: EnvironmentSettings;
  readonly ignore: readonly IgnoreRule[];
  readonly suspended: ReadonlyMap<Address, Suspension>;
}

function groundOf(
  { source: read, observed: { records }, env, ...input }: PlanInput,
  compare: typeof compareSet,
): Ground {
  const { settings = defaultSettings(env), suspended = new Map() } = input;
  const { ignore = settings.drift.ignore } = input;
  const source = keepIgnoredIn(read, records, ignore);
  const { manifests } = source.load.set;
  return { source, manifests, records, compared: compare(manifests, records), settings, ignore, suspended };
}

function planDrift({ source, observed, comparison, drifted = [] }: PlanInput, { ignore }: Ground): readonly Change[] {
  const { manifests } = source.load.set;
  const ofWorld = worldDrift(drifted, manifests, ignore);
  if (comparison === undefined) return ofWorld;
  return [...findRecordDrift({ observed, comparison, manifests, ignore }), ...ofWorld];
}

function planChanges(ground: Ground, { from }: Moves): readonly Change[] {
  const { source, manifests, records, compared, ignore } = ground;
  const written = [...compared.unequal.values()].flatMap((loaded) =>
    planManifest(loaded, records.get(loaded.address), from.get(loaded.address)),
  );
  // A broken file may hold the manifest of any record: what is missing from an invalid set is not known to be gone.
  const pruned = source.status === "ok" ? planPrunes(ground, from) : [];
  const rows = [...written, ...pruned].toSorted((a, b) => (a.address < b.address ? -1 : 1));
  const open = blockSuspended(nameKept(rows, ignore), ground.suspended);
  const problems = problemsOf(source);
  const isolated = isIsolated(ground) ? blockUnsafe(open, { manifests, records, problems }) : open;
  return blockDependents(isolated, ground);
}

function planManifest(
  loaded: LoadedManifest,
  record: StateRecord | undefined,
  movedFrom: StateRecord | undefined,
): Change[] {
  if (record === undefined) return [movedFrom === undefined ? planCreate(loaded) : planMove(loaded, movedFrom)];
  return [planUpdate(loaded, record)];
}

function planPrunes({ source, records, compared }: Ground, moved: Moves["from"]): Change[] {
  const kept = new Set(Array.from(moved.values(), ({ address }) => address));
  const addresses = [...compared.undeclared].filter((address) => !kept.has(address));
  if (addresses.length === 0) return [];
  const gone = addresses.flatMap((address) => records.get(address) ?? []);
  const isSkipped = skippedFiles(source.load);
  return gone.map((record) => {
    const guarded = guardPrune(planPrune(record), record);
    return guarded.blocked === undefined && isSkipped(record.source.file) ? blockSkipped(guarded) : guarded;
  });
}

function problemsOf(source: PlannableSource): readonly Problem[] {
  return source.status === "ok" ? source.load.problems : source.problems;
}

function isIsolated({ source, settings }: Ground): boolean {
  return settings.isolate && source.status === "invalid";
}

function planState(env: string, { head, records }: ObservedState, changes: readonly Change[]): Plan["state"] {
  const addresses = changes.flatMap(({ address, previousAddress: from }) =>
    from === undefined ? address : [address, from],
  );
  const touched = addresses.map((address) => ({ address, digest: digestIn(records, address) ?? null }));
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

function canProceed(changes: readonly Change[], problems: readonly Problem[]): boolean {
  if (changes.some(({ blocked }) => blocked === undefined)) return true;
  return changes.length === 0 && !hasErrors(problems);
}

/** What an invalid set would grant is not known: broken manifests could hold the policy that takes it away. */
function planAccess(
  source: PlannableSource,
  observed: ObservedState,
  changes: readonly Change[],
): readonly AccessChange[] {
  if (source.status !== "ok" || !changes.some(mayMoveAccess)) return [];
  return accessChanges([...observed.records.values()], source.load.set.manifests, changes);
}
