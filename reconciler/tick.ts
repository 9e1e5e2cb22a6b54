// One look at an environment: read the source, plan, apply what may be applied. Level-triggered: everything is read anew.
import type { KindName } from "../contracts/address.ts";
import {
  defaultSettings,
  type EnvironmentSettings,
  type FreezeWindow,
  type HistoryMode,
} from "../contracts/environment.ts";
import type { History, Plan } from "../contracts/plan.ts";
import { hasErrors, type Problem } from "../contracts/problem.ts";
import type { ObservedState } from "../contracts/record.ts";
import type { TaskRef } from "../contracts/task.ts";
import { type Holds, noteHeldHistory, readHolds } from "../store/holds.ts";
import { writeRetention } from "../store/retention-rules.ts";
import { compareRecords } from "../store/scripts/compare-records.ts";
import { readState } from "../store/state.ts";
import { type ApplyOutcome, applyPlan, leaveUnchanged, type PlannedWork, type Writer } from "./apply/apply-plan.ts";
import { findReplaced, type Replaced } from "./apply/lineage-memory.ts";
import type { Moved } from "./apply/stale.ts";
import type { ComparisonReader } from "./drift/comparison-memory.ts";
import { noteHealing, withholdFrom } from "./drift/heal.ts";
import { type ConfirmHold, findConfirmHold, type PruneConfirmation } from "./holds/confirm.ts";
import { findGateHold, type GateHold } from "./holds/gate.ts";
import { findHistoryHold, type HistoryHold, rewrittenBranch } from "./holds/history.ts";
import { findPeoplesHold, type PeoplesHold } from "./holds/people.ts";
import type { BranchNow } from "./holds/rolled-back.ts";
import { findSignatureHold, type SignatureHold } from "./holds/signature.ts";
import { findConfirmed, findReleased, spendWords } from "./holds/words.ts";
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
  /** How careful to be; default: what holds where nobody has written any. */
  readonly settings?: EnvironmentSettings;
  /** What somebody said about prunes that wait; spent by the apply that needed it. */
  readonly confirmation?: PruneConfirmation;
  /** Instead of what the settings say: the rule for rewritten branches. */
  readonly historyMode?: HistoryMode;
  /** Instead of what the settings say: windows in which nothing is applied. */
  readonly freeze?: readonly FreezeWindow[];
  /** Instead of what the settings say: kinds whose records are put back by themselves. */
  readonly selfHeal?: readonly KindName[];
  /** Whether a plan is the one that somebody has seen; default: nobody has to. */
  readonly wasShown?: (plan: Plan) => boolean;
  /** Plan and judge as ever, and write nothing: what would be applied is `would-apply`. */
  readonly dryRun?: boolean;
  /** Called as soon as there is a plan, before anything is applied. */
  readonly onPlan: (plan: Plan, commit: CommitInfo | null) => void;
  /** Reads the state for whoever ticks again and again; default: the whole state, each time. */
  readonly state?: { read(): Promise<ObservedState> };
  /** Which records are not as applies left them; default: all are compared, each time. */
  readonly comparison?: ComparisonReader;
  /** Makes the plans of whoever ticks again and again; default: each one anew. */
  readonly plans?: { plan(input: PlanInput): Plan };
  readonly signal: AbortSignal;
  /** For the history: who set this look off, where somebody did. */
  readonly person?: string;
}

export type Hold =
  | ConfirmHold
  | HistoryHold
  | PeoplesHold
  | SignatureHold
  | ({ readonly why: "lineage" } & Replaced)
  /** It is not the plan that was shown. */
  | { readonly why: "unshown"; readonly message: string }
  /** Nothing but blocked changes: an apply would only count the serial up. `message` is the first one's. */
  | { readonly why: "blocked"; readonly message: string }
  | GateHold;

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
  const observed = await (options.state?.read() ?? readState(writer.redis, writer.env));
  const holds = await readHolds(writer.redis, writer.env);
  const settings = options.settings ?? defaultSettings(writer.env);
  const comparison = await (options.comparison?.read() ?? compareRecords(writer.redis, writer.env));
  const made = await planSource(options, answer, { observed, comparison, suspended: holds.resources, settings });
  const healer = { ...writer, selfHeal: options.selfHeal ?? settings.drift.selfHeal };
  const { plan, healing } = await withholdFrom(healer, made, answer.load.set.manifests);
  options.onPlan(plan, answer.identity.commit);
  // A plan with errors is applyable only where the settings isolate what is broken.
  if (hasErrors(plan.problems) && !plan.applyable) return { outcome: "invalid", plan, problems: plan.problems };
  const hold = await findHold({ options, plan, observed, holds, settings });
  if (options.dryRun !== true) await keepHeldHistory(writer, holds, hold);
  if (hold !== undefined) return { outcome: "held", plan, hold };
  if (options.dryRun === true) return dryOutcome(plan);
  await writeRetention(writer.redis, writer.env, settings.retention);
  if (plan.changes.length === 0) return { outcome: "unchanged", plan, tasks: await leaveUnchanged(writer, observed) };
  writer.lead?.check();
  await noteHealing(healer, healing);
  const { acceptedHistory } = holds;
  return await carryOut(options, plan, { manifests: answer.load.set.manifests, observed, acceptedHistory });
}

/** What `resume` accepts is what was told, and nothing that was told long ago. A hold that is asked earlier tells nothing. */
async function keepHeldHistory({ redis, env, now }: Writer, { heldHistory }: Holds, hold?: Hold): Promise<void> {
  const found = hold?.why === "history" ? (rewrittenBranch(hold) ?? null) : null;
  if (hold !== undefined && hold.why !== "history") return;
  if (found?.from === heldHistory?.from && found?.to === heldHistory?.to) return;
  await noteHeldHistory(redis, env, found === null ? null : { ...found, since: now().toISOString() });
}

async function carryOut(
  { writer, confirmation, person, settings = defaultSettings(writer.env) }: TickOptions,
  plan: Plan,
  { acceptedHistory, ...work }: Pick<PlannedWork, "manifests" | "observed"> & Pick<Holds, "acceptedHistory">,
): Promise<TickOutcome> {
  const confirmed = await findConfirmed(writer, confirmation, plan);
  const confirmedPrunes = confirmed === undefined ? {} : { confirmedPrunes: confirmed.prunes };
  // A reconciler applies in nobody's name; the prunes are somebody's word.
  const released = await findReleased(writer, settings, plan);
  const asked = person ?? released?.by ?? confirmed?.by;
  const applied = await applyPlan(writer, {
    ...work,
    ...confirmedPrunes,
    note: {
      ...(asked === undefined ? {} : { person: asked }),
      ...(acceptedHistory === null ? {} : { acceptedHistory }),
    },
    plan,
    automatic: true,
  });
  if (applied.outcome === "applied") await spendWords(writer, confirmation, plan);
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

type PlanBasis = Pick<PlanInput, "observed" | "suspended" | "settings" | "comparison">;

async function planSource(options: TickOptions, answer: PlannableSource, basis: PlanBasis): Promise<Plan> {
  const { source, writer, tool, newId, signal } = options;
  const from = appliedCommit(basis.observed);
  const history = await source.history(from, answer.identity.headSha, signal);
  const input = { ...basis, source: answer, history, env: writer.env, now: writer.now(), planId: newId(), tool };
  return options.plans?.plan(input) ?? makePlan(input);
}

/** What a hold is found in. */
interface Ground {
  readonly options: TickOptions;
  readonly plan: Plan;
  readonly observed: ObservedState;
  readonly holds: Holds;
  readonly settings: EnvironmentSettings;
}

type FindHold = (ground: Ground) => Promise<Hold | undefined> | Hold | undefined;

const UNSHOWN = "the state or the settings have moved since the plan was shown, and it would now be another one";

/** In the order in which they are asked: the first that finds something is what people are told. */
const HOLDS: readonly FindHold[] = [
  findReplacedState,
  ({ options, plan }) => (options.wasShown?.(plan) === false ? { why: "unshown", message: UNSHOWN } : undefined),
  askPeople,
  ({ plan }) => (plan.applyable ? undefined : { why: "blocked", message: plan.changes[0]?.blocked?.message ?? "" }),
  // Before the confirmation: a number of prunes means nothing while it is unclear whether this is the same branch.
  ({ options, plan, observed, holds, settings }) =>
    findHistoryHold(plan, {
      mode: options.historyMode ?? settings.history,
      allowed: options.allowHistory,
      from: appliedCommit(observed),
      accepted: holds.acceptedHistory,
    }),
  async ({ options, plan }) =>
    findConfirmHold(plan, (await findConfirmed(options.writer, options.confirmation, plan))?.prunes ?? null),
  async ({ options, plan, observed }) => findSignatureHold(await verify(options, plan, appliedCommit(observed))),
  // Last: nobody is asked to release what would not be applied anyway.
  async ({ options, plan, settings }) =>
    findGateHold(plan, settings, (await findReleased(options.writer, settings, plan)) !== undefined),
];

async function findHold(ground: Ground): Promise<Hold | undefined> {
  for (const find of HOLDS) {
    const hold = await find(ground);
    if (hold !== undefined) return hold;
  }
  return undefined;
}

async function findReplacedState({ options, observed }: Ground): Promise<Hold | undefined> {
  const replaced = await findReplaced(options.writer.lineages, observed.head);
  return replaced === null ? undefined : { why: "lineage", ...replaced };
}

function askPeople({ options, plan, observed, holds, settings }: Ground): Promise<Hold | undefined> {
  const { source, writer, signal } = options;
  const { headSha } = plan.source;
  const branch = async (): Promise<BranchNow> => ({
    headSha,
    applied: appliedCommit(observed),
    history: await source.history(holds.rolledBack?.against ?? null, headSha, signal),
  });
  return findPeoplesHold(plan, { holds, freeze: options.freeze ?? settings.freeze, now: writer.now(), branch });
}

function appliedCommit({ head }: ObservedState): string | null {
  return head?.commit ?? null;
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
