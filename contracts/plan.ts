// The plan as a value: its JSON form (formatVersion "1"), its digest and its public counts line.
import type { Address, KindName } from "./address.ts";
import { type Digest, digestOf } from "./canonical.ts";
import type { Manifest } from "./manifest.ts";
import type { Place, Problem } from "./problem.ts";

export const PLAN_FORMAT_VERSION = "1";

export type Action = "create" | "update" | "move" | "prune";
export type History = "fast-forward" | "forced" | "unrelated" | "first";

export interface FieldChange {
  /** A JSON pointer from the manifest's root, such as `/spec/model_ref`. */
  readonly path: string;
  /** Absent: the field was not there. Sensitive values are {@link SENSITIVE}. */
  readonly before?: unknown;
  /** Absent: the field goes away. */
  readonly after?: unknown;
  /** For a field that goes away: where its parent stands now, or stood. */
  readonly source: Place;
}

export interface Change {
  readonly address: Address;
  readonly kind: KindName;
  readonly namespace: string;
  readonly name: string;
  readonly previousAddress?: Address;
  readonly action: Action;
  /** One line for people: why this is in the plan. */
  readonly reason: string;
  /**
   * Why it stays undone while the rest is carried out. Codes: PREVENT_PRUNE and RETAINED (the record's own annotations),
   * SUSPENDED, DEPENDS_ON_BLOCKED (a reference would lead nowhere), ISOLATED (manifests beside it are broken),
   * FILE_SKIPPED (its file is there and was not read).
   */
  readonly blocked?: { readonly code: string; readonly message: string };
  /** For a prune: where the record's manifest stood when it was applied. */
  readonly source: Place;
  readonly before?: Manifest;
  readonly after?: Manifest;
  /** The digest of the manifest that this change writes; absent for a prune. It binds values that `after` hides. */
  readonly afterDigest?: Digest;
  /** JSON pointers whose values are hidden in `before`, `after` and `fields`. */
  readonly sensitivePaths: readonly string[];
  readonly fields: readonly FieldChange[];
  /** JSON pointers that the environment ignores: what the state holds there stays as it is. */
  readonly kept?: readonly string[];
}

/** Stands for every secret value, in plans and everywhere else. */
export const SENSITIVE = "(sensitive)";

/** Calls that stay possible, within other bounds than before; for those that are gained: the bounds that they come with. */
export interface BoundChange {
  /** The calls, such as `stripe.refund (write)`. */
  readonly on: string;
  /** In words: `\`amount\` must be at most 100`. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
  readonly widens: boolean;
}

export interface AccessChange {
  readonly agent: string;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  readonly bounds: readonly BoundChange[];
  /** The agent may do what it could not do before, or nobody can tell that it may not. */
  readonly widens: boolean;
  readonly cause: { readonly file: string; readonly line: number };
}

/** A recorded decision that would come out otherwise. */
export interface ReplayFlip {
  readonly decisionId: string;
  readonly at: string;
  readonly task: string;
  readonly agent: string;
  readonly what: "tool" | "model";
  readonly name: string;
  readonly was: { readonly effect: string; readonly code: string };
  readonly now: { readonly effect: string; readonly code: string };
  readonly reasons: readonly { readonly policy: string; readonly rule: string; readonly message: string }[];
}

/** What the planned policies would have decided of what was decided since then. */
export interface PolicyReplay {
  readonly since: string;
  readonly decisions: number;
  /** False: there were more, and the newest were looked at. */
  readonly complete: boolean;
  /** Of these not enough was recorded, or the arguments that count were redacted. */
  readonly cannotTell: number;
  readonly flips: number;
  /** Flips that would now be denied. */
  readonly denied: number;
  /** The newest flips. */
  readonly items: readonly ReplayFlip[];
}

export interface PlanCounts {
  readonly create: number;
  readonly update: number;
  readonly move: number;
  readonly prune: number;
  readonly noop: number;
  readonly blocked: number;
  readonly invalid: number;
}

/** So many prunes at once wait until somebody says their exact number. */
export interface Confirm {
  readonly prunes: number;
  /** One line for people. */
  readonly because: string;
}

/** What the author may have meant instead. Nothing follows from it. */
export interface Hint {
  readonly code: "MOVED" | "ROOT_MOVED";
  readonly message: string;
  readonly addresses: readonly Address[];
}

export interface PlanSource {
  readonly repo: string;
  /** A full ref name, or null for a working tree. */
  readonly ref: string | null;
  readonly headSha: string | null;
  readonly treeSha: string | null;
  readonly path: string;
  readonly dirty: boolean;
  readonly history: History;
}

export interface PlanState {
  readonly env: string;
  /** Empty before the first apply, and for a plan against a ref. */
  readonly lineage: string;
  readonly serial: number;
  /** The records that this plan changes, as it found them; a digest of null says that the record must not exist. */
  readonly touched: readonly { readonly address: Address; readonly digest: Digest | null }[];
}

export interface Plan {
  readonly formatVersion: typeof PLAN_FORMAT_VERSION;
  readonly planId: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly tool: { readonly name: string; readonly version: string };
  readonly source: PlanSource;
  readonly state: PlanState;
  readonly policyDigest: string;
  readonly configDigest: string;
  readonly counts: PlanCounts;
  /** Sorted by address. */
  readonly changes: readonly Change[];
  readonly access: readonly AccessChange[];
  /** Only where the plan changes policies, against a state. No part of the digest: it is about the past. */
  readonly replay?: PolicyReplay;
  readonly drift: readonly Change[];
  readonly problems: readonly Problem[];
  /** null: no prune waits for a confirmation. */
  readonly confirm: Confirm | null;
  readonly hints: readonly Hint[];
  /** False where problems of severity error, or nothing but blocked changes, stand in the way. */
  readonly applyable: boolean;
  readonly digest: Digest;
}

/** SHA-256 over the canonical plan without planId, times, replay and the digest itself. */
export function planDigest(plan: Omit<Plan, "digest">): Digest {
  const { planId: _planId, createdAt: _createdAt, expiresAt: _expiresAt, replay: _replay, ...bound } = plan;
  const { digest: _digest, ...body } = bound as typeof bound & { digest?: Digest };
  return digestOf(body);
}

/** Public and exact: the last line of every plan in text. */
export function countsLine(counts: PlanCounts): string {
  const { create, update, move, prune, blocked } = counts;
  if (create + update + move + prune + blocked === 0) return "No changes.";
  const tail = blocked > 0 ? `, ${blocked} blocked.` : ".";
  return `Plan: ${create} to create, ${update} to update, ${move} to move, ${prune} to prune${tail}`;
}

export function hasChanges(plan: Pick<Plan, "changes">): boolean {
  return plan.changes.length > 0;
}
