// One look at an environment: read the source, plan, apply what may be applied. Level-triggered: everything is read anew.
import type { KindName } from "../contracts/address.ts";
import type { FreezeWindow, HistoryMode } from "../contracts/environment.ts";
import type { History, Plan } from "../contracts/plan.ts";
import type { Problem } from "../contracts/problem.ts";
import type { ObservedState } from "../contracts/record.ts";
import type { TaskRef } from "../contracts/task.ts";
import { type Holds, readHolds } from "../store/holds.ts";
import { readState } from "../store/state.ts";
import { type ApplyOutcome, applyPlan, leaveUnchanged, type Writer } from "./apply/apply-plan.ts";
import { findReplaced, type Replaced } from "./apply/lineage-memory.ts";
import type { Moved } from "./apply/stale.ts";
import { noteHealing, withholdFrom } from "./drift/heal.ts";
import { findHistoryHold, type HistoryHold } from "./holds/history.ts";
import { findPeoplesHold, type PeoplesHold, type PeoplesRule } from "./holds/people.ts";
import type { BranchNow } from "./holds/rolled-back.ts";
import { findSignatureHold, type SignatureHold } from "./holds/signature.ts";
import { makePlan, type PlanInput, type PlannableSource } from "./plan/make-plan.ts";
import type { SignatureVerdict } from "./source/signatures.ts";
import type { CommitInfo, SourceAnswer, UnavailableReason } from "./source/source.ts";

/** What a tick needs to know of the repository or folder. */
export interface TickSource {
  read(signal: AbortSignal): Promise<SourceAnswer>;
  /** How the commit `to` follows `from`. `from` null: nothing was applied before, or not from a commit. */
  history(from: string | null, to: string | null, signal: AbortSignal): Promise<History>;
  /** Who signed what `to` brings beyond `from`; null where the environment does not ask. */
  verify?(from: string | null, to: string | null, signal: AbortSignal): Promise<SignatureVerdict | null>;
}

export interface TickOptions {
  readonly source: TickSource;
  readonly writer: Writer;
  readonly tool: Plan["tool"];
  readonly newId: () => string;
  /** Histories that may be applied although the branch was rewritten. */
  readonly allowHistory: readonly History[];
  /** The environment's rule for rewritten branches; default `hold`. */
  readonly historyMode?: HistoryMode;
  /** Windows in which nothing is applied; default none. */
  readonly freeze?: readonly FreezeWindow[];
  /** Kinds whose records are put back by themselves when somebody else changed them; default: none. */
  readonly selfHeal?: readonly KindName[];
  /** Plan and judge as ever, and write nothing: what would be applied is `would-apply`. */
  readonly dryRun?: boolean;
  /** Called as soon as there is a plan, before anything is applied. */
  readonly onPlan: (plan: Plan, commit: CommitInfo | null) => void;
  readonly signal: AbortSignal;
}

export type Hold =
  | HistoryHold
  | PeoplesHold
  | SignatureHold
  | ({ readonly why: "lineage" } & Replaced)
  /** Nothing but blocked changes: an apply would only count the serial up. `message` is the first one's. */
  | { readonly why: "blocked"; readonly message: string };

/** Only `applied` changed the records. `tasks` are those that were made by this tick. */
export type TickOutcome =
  | { readonly outcome: "unavailable"; readonly reason: UnavailableReason }
  | { readonly outcome: "invalid"; readonly plan: Plan; readonly problems: readonly Problem[] }
  | { readonly outcome: "held"; readonly plan: Plan; readonly hold: Hold }
  | { readonly outcome: "unchanged"; readonly plan: Plan; readonly tasks: readonly TaskRef[] }
  | {
      readonly outcome: "applied";
      readonly plan: Plan;
      readonly serial: number;
      readonly lineage: string;
      readonly tasks: readonly TaskRef[];
      readonly tookMs: number;
    }
  /** Only in a dry run. */
  | { readonly outcome: "would-apply"; readonly plan: Plan }
  /** Somebody else wrote in between: the next tick plans anew. */
  | { readonly outcome: "overtaken"; readonly plan: Plan; readonly moved: readonly Moved[] }
  | { readonly outcome: "locked"; readonly plan: Plan; readonly holder: string };

export async function tick(options: TickOptions): Promise<TickOutcome> {
  const { writer, signal } = options;
  const answer = await options.source.read(signal);
  if (answer.status === "unavailable") return { outcome: "unavailable", reason: answer.reason };
  const observed = await readState(writer.redis, writer.env);
  const holds = await readHolds(writer.redis, writer.env);
  const made = await planSource(options, answer, { observed, suspended: holds.resources });
  const healer = { ...writer, selfHeal: options.selfHeal ?? [] };
  const { plan, healing } = await withholdFrom(healer, made, answer.load.set.manifests);
  options.onPlan(plan, answer.identity.commit);
  if (answer.status === "invalid") return { outcome: "invalid", plan, problems: plan.problems };
  const hold = await findHold(options, plan, { observed, holds });
  if (hold !== undefined) return { outcome: "held", plan, hold };
  if (options.dryRun === true) return dryOutcome(plan);
  if (plan.changes.length === 0) return { outcome: "unchanged", plan, tasks: await leaveUnchanged(writer, observed) };
  await noteHealing(healer, healing);
  const applied = await applyPlan(writer, { plan, manifests: answer.set.manifests, observed, automatic: true });
  return outcomeOf(plan, applied);
}

function dryOutcome(plan: Plan): TickOutcome {
  return plan.changes.length === 0 ? { outcome: "unchanged", plan, tasks: [] } : { outcome: "would-apply", plan };
}

/** Another writer's apply takes moments; a plan that is overtaken so often is somebody's loop. */
const TRIES = 3;

/** For a single look, such as a job's: somebody else's write in between is no reason to end without an answer. */
export async function tickUntilDone(options: TickOptions): Promise<TickOutcome> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await tick(options);
    if (outcome.outcome !== "overtaken" || tries === TRIES) return outcome;
  }
}

type PlanBasis = Pick<PlanInput, "observed" | "suspended">;

async function planSource(options: TickOptions, answer: PlannableSource, basis: PlanBasis): Promise<Plan> {
  const { source, writer, tool, newId, signal } = options;
  const from = basis.observed.head?.commit ?? null;
  const history = await source.history(from, answer.identity.headSha, signal);
  return makePlan({ ...basis, source: answer, history, env: writer.env, now: writer.now(), planId: newId(), tool });
}

interface Ground {
  readonly observed: ObservedState;
  readonly holds: Holds;
}

async function findHold(options: TickOptions, plan: Plan, { observed, holds }: Ground): Promise<Hold | undefined> {
  const { allowHistory, writer } = options;
  const replaced = await findReplaced(writer.lineages, observed.head);
  if (replaced !== null) return { why: "lineage", ...replaced };
  const asked = await findPeoplesHold(plan, peoplesRule(options, plan, { observed, holds }));
  if (asked !== undefined) return asked;
  if (!plan.applyable) return { why: "blocked", message: plan.changes[0]?.blocked?.message ?? "" };
  const from = observed.head?.commit ?? null;
  const rewritten = findHistoryHold(plan, { mode: options.historyMode ?? "hold", allowed: allowHistory, from });
  return rewritten ?? findSignatureHold(await verify(options, plan, from));
}

function peoplesRule(
  { source, freeze = [], writer, signal }: TickOptions,
  plan: Plan,
  { observed, holds }: Ground,
): PeoplesRule {
  const { headSha } = plan.source;
  const branch = async (): Promise<BranchNow> => ({
    headSha,
    applied: observed.head?.commit ?? null,
    history: await source.history(holds.rolledBack?.against ?? null, headSha, signal),
  });
  return { holds, freeze, now: writer.now(), branch };
}

/** A plan without changes brings nothing that anybody could have had to sign. */
async function verify(
  { source, signal }: TickOptions,
  plan: Plan,
  from: string | null,
): Promise<SignatureVerdict | null> {
  if (plan.changes.length === 0) return null;
  return (await source.verify?.(from, plan.source.headSha, signal)) ?? null;
}

function outcomeOf(plan: Plan, applied: ApplyOutcome): TickOutcome {
  switch (applied.outcome) {
    case "applied":
      return { ...applied, plan };
    case "stale":
      return { outcome: "overtaken", plan, moved: applied.moved };
    case "used":
    case "lock-lost":
      return { outcome: "overtaken", plan, moved: [] };
    case "locked":
      return { outcome: "locked", plan, holder: applied.holder };
  }
}
