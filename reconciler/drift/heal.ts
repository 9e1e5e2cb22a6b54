// Self-heal: which changes of a plan only put back what somebody else changed, and which of these the reconciler may carry
// out by itself. A person's `apply` carries out all of them. Pure, but for its two doors at the end.
import type { KindName } from "../../contracts/address.ts";
import { type Change, type Plan, planDigest } from "../../contracts/plan.ts";
import type { Redis } from "../../store/connect.ts";
import { HEALS_KEPT, type Heal, noteHeals, readHeals } from "../../store/heals.ts";
import { compareFound, type RecordDifference } from "../../store/scripts/compare-records.ts";
import type { LoadedManifest } from "../load/desired-set.ts";

const HEAL_LIMITS = { firstWaitMs: 60_000, longestWaitMs: 60 * 60_000 } as const;

interface HealInput {
  readonly plan: Plan;
  /** What the commit declares. */
  readonly manifests: readonly Pick<LoadedManifest, "address" | "digest">[];
  /** Of the records that the plan touches. */
  readonly differences: readonly RecordDifference[];
  /** Kinds that are put back by themselves. */
  readonly selfHeal: readonly KindName[];
  /** Under this commit. */
  readonly heals: readonly Heal[];
  readonly now: Date;
}

export interface Withheld {
  /** With every drift that may not be healed now as a blocked row: the rest may proceed. */
  readonly plan: Plan;
  /** To be noted right before the plan is applied. */
  readonly healing: readonly Heal[];
}

/**
 * A change is a heal where Git says what it said when the record was last applied, and only the record is otherwise. What
 * Git has changed since is a change like any other, whatever became of its record.
 */
function withholdDrift({ plan, manifests, differences, selfHeal, heals, now }: HealInput): Withheld {
  const drifted = new Map(differences.map((difference) => [difference.address, difference]));
  const declared = new Map(manifests.map(({ address, digest }) => [address, digest]));
  const healing: Heal[] = [];
  const changes = plan.changes.map((change): Change => {
    const difference = drifted.get(change.address);
    const isHeal =
      difference !== undefined && change.blocked === undefined && isOnlyDrift(change, difference, declared);
    if (!isHeal) return change;
    const message = refusal(change, difference, { selfHeal, heals, now });
    if (message === undefined) healing.push(nextHeal(difference, plan, heals, now));
    return message === undefined ? change : { ...change, blocked: { code: "DRIFTED", message } };
  });
  const same = changes.every((change, index) => change === plan.changes[index]);
  return { plan: same ? plan : withChanges(plan, changes), healing };
}

function isOnlyDrift(
  { action, address, afterDigest }: Change,
  { applied }: RecordDifference,
  declared: ReadonlyMap<string, string>,
): boolean {
  if (action === "move") return false;
  if (action === "prune") return applied === null;
  return applied !== null && (applied === afterDigest || applied === declared.get(address));
}

type Rules = Pick<HealInput, "selfHeal" | "heals" | "now">;

/** Self-heal never prunes: a record that no apply wrote is somebody's, and a person decides. */
function refusal(
  { action, kind }: Change,
  { address, found }: RecordDifference,
  { selfHeal, heals, now }: Rules,
): string | undefined {
  const byHand = "`countwheel drift` shows it, `countwheel apply` puts it back";
  if (action === "prune") return `no apply wrote this record, and nothing is pruned by itself: ${byHand}`;
  if (!selfHeal.includes(kind)) {
    return `somebody changed this record in the state, Git did not: ${byHand}, \`drift.self_heal: [${kind}]\` would do so by itself`;
  }
  const last = heals.find((heal) => heal.address === address && heal.found === found);
  if (last === undefined && heals.length >= HEALS_KEPT)
    return `too many records were put back under this commit: ${byHand}`;
  if (last === undefined || Date.parse(last.nextAt) <= now.getTime()) return undefined;
  return `it was put back ${last.tries === 1 ? "once" : `${last.tries} times`} and changed again in the same way; next at ${last.nextAt}, or with a new commit`;
}

function nextHeal({ address, found }: RecordDifference, plan: Plan, heals: readonly Heal[], now: Date): Heal {
  const tries = (heals.find((heal) => heal.address === address && heal.found === found)?.tries ?? 0) + 1;
  const waitMs = Math.min(HEAL_LIMITS.longestWaitMs, HEAL_LIMITS.firstWaitMs * 2 ** Math.min(16, tries - 1));
  return { address, found, commit: commitOf(plan), tries, nextAt: new Date(now.getTime() + waitMs).toISOString() };
}

/** A working tree has none: what is saved in it counts as new where it changes a manifest, and nowhere else. */
function commitOf({ source }: Pick<Plan, "source">): string {
  return source.headSha ?? "working tree";
}

function withChanges(plan: Plan, changes: readonly Change[]): Plan {
  const open = changes.filter(({ blocked }) => blocked === undefined);
  const count = (action: Change["action"]): number => open.filter((change) => change.action === action).length;
  const counts = {
    ...plan.counts,
    create: count("create"),
    update: count("update"),
    move: count("move"),
    prune: count("prune"),
    blocked: changes.length - open.length,
  };
  const confirm = plan.confirm === null || counts.prune === 0 ? null : { ...plan.confirm, prunes: counts.prune };
  const applyable = plan.applyable && open.length > 0;
  const { digest: _digest, ...body } = { ...plan, changes, counts, confirm, applyable };
  return { ...body, digest: planDigest(body) };
}

export interface Healer {
  readonly redis: Redis;
  readonly env: string;
  readonly selfHeal: readonly KindName[];
  readonly now: () => Date;
}

/** For a plan that nobody asked for: costs nothing where it changes nothing, and looks at touched records only. */
export async function withholdFrom(
  { redis, env, selfHeal, now }: Healer,
  plan: Plan,
  manifests: HealInput["manifests"],
): Promise<Withheld> {
  if (plan.changes.length === 0) return { plan, healing: [] };
  const { differences } = await compareFound(redis, env, plan.state.touched);
  if (differences.length === 0) return { plan, healing: [] };
  const heals = await readHeals(redis, env, commitOf(plan));
  return withholdDrift({ plan, manifests, differences, selfHeal, heals, now: now() });
}

/** Before the apply, so that a process that dies in it counts as one that tried. */
export async function noteHealing(
  { redis, env }: Pick<Healer, "redis" | "env">,
  healing: readonly Heal[],
): Promise<void> {
  const [first] = healing;
  if (first !== undefined) await noteHeals(redis, env, healing, first.commit);
}
