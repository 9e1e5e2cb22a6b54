// Carries out exactly one plan: under the writer's lock, against a state that is still what the plan was made of.
import type { KeyObject } from "node:crypto";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { RolledBack } from "../../contracts/holds.ts";
import { specDigest } from "../../contracts/manifest.ts";
import type { Plan } from "../../contracts/plan.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import type { ObservedState } from "../../contracts/record.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { tellApplies } from "../../store/audit-applies.ts";
import { isPlanUsed } from "../../store/history.ts";
import type { Lead } from "../../store/leader.ts";
import { pushOutbox } from "../../store/outbox.ts";
import { type ApplyAnswer, type ApplyRequest, applyPlan as switchState } from "../../store/scripts/apply-plan.ts";
import { readHead, readState } from "../../store/state.ts";
import { acquireWriterLock, type WriterLock, type WriterLockAnswer } from "../../store/writer-lock.ts";
import { signAuditHead } from "../audit/sign-head.ts";
import { type ApplyNote, applyFacts } from "../history/apply-facts.ts";
import { confirmHoldText, findConfirmHold } from "../holds/confirm.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { settleTriggers } from "../triggers/settle-triggers.ts";
import type { LineageMemory } from "./lineage-memory.ts";
import { type NextRecords, nextRecords } from "./next-records.ts";
import { type Moved, movedInState } from "./stale.ts";
import { makeOrderedTasks, type TaskMaker } from "./task-intents.ts";
import { orderTask, type TaskOrder } from "./task-request.ts";
import { orderTriggers } from "./trigger-orders.ts";

/** Whoever applies: one process of one machine, and what it may use. */
export interface Writer extends TaskMaker {
  /** Names the process in the lock, for people who wait for it. */
  readonly holder: string;
  /** How long to wait for another writer, in milliseconds. */
  readonly lockWaitMs: number;
  readonly newLineage: () => string;
  /** Callers hold off where it says that the state was replaced: {@link findReplaced}. */
  readonly lineages: LineageMemory;
  readonly signal: AbortSignal;
  /** Under which lead this writer acts, where it is one of several replicas: a stale one writes nothing. */
  readonly lead?: Pick<Lead, "holder" | "token" | "check">;
  /** True where GitHub hears of this environment: an entry for the report is left in the outbox. */
  readonly reports: boolean;
  /** Ed25519. Signs the head of the audit log after an apply. */
  readonly auditKey?: KeyObject | undefined;
}

export interface PlannedWork {
  readonly plan: Plan;
  /** The manifests that the plan was made of, with their real values. */
  readonly manifests: readonly LoadedManifest[];
  /** The state as it was read last; read again where it has moved on. */
  readonly observed: ObservedState;
  /** How many prunes somebody confirmed; needed exactly where the plan waits for it. */
  readonly confirmedPrunes?: number;
  /** For the history. */
  readonly note?: ApplyNote;
  /** Nobody asked for it by hand: a suspended environment stops it up to the last moment. */
  readonly automatic?: boolean;
  /** For a rollback: what holds the reconciler back from here on. */
  readonly restores?: Omit<RolledBack, "serial">;
  /** For a rebuild: the run-mode Tasks have run before, so none is ordered, and none of this content ever will be. */
  readonly tasksHaveRun?: boolean;
}

export type ApplyOutcome =
  | {
      readonly outcome: "applied";
      readonly serial: number;
      readonly lineage: string;
      readonly tasks: readonly TaskRef[];
      readonly tookMs: number;
    }
  | { readonly outcome: "stale"; readonly moved: readonly Moved[] }
  | { readonly outcome: "used" }
  | { readonly outcome: "locked"; readonly holder: string; readonly untilMs: number }
  | { readonly outcome: "lock-lost" };

/** Renewed by a heartbeat; a writer that dies blocks the others for no longer. */
const LOCK_TTL_MS = 10_000;
const LOCK_RETRY_MS = 100;

/** The plan must be applyable and unexpired: callers have shown its problems and asked their questions. */
export async function applyPlan(writer: Writer, work: PlannedWork): Promise<ApplyOutcome> {
  const startedAt = writer.now();
  refuseUnconfirmed(work);
  writer.lead?.check();
  const answer = await waitForLock(writer);
  if (answer.outcome === "held") return { outcome: "locked", holder: answer.holder, untilMs: answer.untilMs };
  try {
    // An order that a crash left behind belongs to the state as it is, not to the one that comes.
    const resumed = await carryOutOrders(writer);
    const outcome = await applyLocked(writer, work, { lock: answer.lock, startedAt: startedAt.toISOString() });
    if (outcome.outcome !== "applied") return outcome;
    const { dirty, headSha } = work.plan.source;
    await writer.lineages.remember({ ...outcome, commit: dirty ? null : headSha });
    const tookMs = writer.now().getTime() - startedAt.getTime();
    // Before the tasks, which may be many: a crash among them costs none, but nobody would tell of the apply any more.
    await reportApplied(writer, work.plan, { ...outcome, tookMs });
    const tasks = [...resumed, ...(await carryOutOrders(writer))];
    if (writer.auditKey !== undefined) await signAuditHead(writer.redis, writer.env, writer.auditKey);
    return { ...outcome, tasks, tookMs };
  } finally {
    await answer.lock.release();
  }
}

/** The last door: whoever calls has asked before, and this holds where somebody forgot to. */
function refuseUnconfirmed({ plan, confirmedPrunes }: PlannedWork): void {
  const hold = findConfirmHold(plan, confirmedPrunes ?? null);
  if (hold !== undefined) throw new PermanentFailure("PRUNES_NOT_CONFIRMED", confirmHoldText(hold));
}

/** For a plan without changes: what earlier applies ordered is still made. Answers the tasks that were. */
export async function leaveUnchanged(writer: Writer, { head }: ObservedState): Promise<readonly TaskRef[]> {
  writer.lead?.check();
  if (head !== null) await writer.lineages.remember(head);
  return carryOutOrders(writer);
}

/** What switched records have ordered, and what a crash has left of it: words in the audit log, bells of schedules, tasks. */
async function carryOutOrders(writer: Writer): Promise<TaskRef[]> {
  await tellApplies(writer.redis, writer.env);
  await settleTriggers(writer);
  return await makeOrderedTasks(writer);
}

async function waitForLock({ redis, env, holder, lockWaitMs, signal }: Writer): Promise<WriterLockAnswer> {
  const deadline = performance.now() + lockWaitMs;
  for (;;) {
    const answer = await acquireWriterLock(redis, { env, holder, ttlMs: LOCK_TTL_MS });
    if (answer.outcome === "acquired" || performance.now() >= deadline || signal.aborted) return answer;
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
}

/** Without the tasks: what the switch itself came to. */
type Switched =
  | Exclude<ApplyAnswer, { readonly outcome: "stale" }>
  | { readonly outcome: "stale"; readonly moved: readonly Moved[] };

interface Turn {
  readonly lock: WriterLock;
  readonly startedAt: string;
}

async function applyLocked(writer: Writer, work: PlannedWork, turn: Turn): Promise<Switched> {
  const observed = await readAgain(writer, work.observed);
  const moved = movedInState(work.plan, observed);
  // A used plan has moved its own records: the store knows it by its id, and says so.
  if (moved.length > 0 && !(await isPlanUsed(writer.redis, writer.env, work.plan.planId)))
    return { outcome: "stale", moved };
  if (moved.length > 0) return { outcome: "used" };
  const appliedAt = writer.now().toISOString();
  const next = nextRecords({ ...work, records: observed.records, appliedAt });
  const answer = await switchOver(writer, applyRequest({ ...turn, writer, work, observed, next, appliedAt }), next);
  return answer.outcome === "stale" ? { outcome: "stale", moved: [movedOf(answer)] } : answer;
}

/** Places follow where they may: a suspended record keeps its old one, and holds nothing else back. */
async function switchOver({ redis }: Writer, request: ApplyRequest, { refreshed }: NextRecords): Promise<ApplyAnswer> {
  if (refreshed.length === 0 || request.restores !== undefined) return await switchState(redis, request);
  const answer = await switchState(redis, { ...request, writes: [...request.writes, ...refreshed] });
  const isOnlyPlace =
    answer.outcome === "stale" &&
    answer.what === "suspended" &&
    refreshed.some(({ address }) => address === answer.address);
  return isOnlyPlace ? await switchState(redis, request) : answer;
}

/** Under the lock nobody else writes: a head that is where it was proves the records, too. */
async function readAgain({ redis, env }: Writer, observed: ObservedState): Promise<ObservedState> {
  const head = await readHead(redis, env);
  const same = head?.lineage === observed.head?.lineage && head?.serial === observed.head?.serial;
  return same ? observed : await readState(redis, env);
}

interface RequestInput {
  readonly writer: Writer;
  readonly work: PlannedWork;
  readonly lock: WriterLock;
  readonly startedAt: string;
  readonly observed: ObservedState;
  readonly next: NextRecords;
  readonly appliedAt: string;
}

function applyRequest({ writer, work, lock, startedAt, observed, next, appliedAt }: RequestInput): ApplyRequest {
  const { plan, note = {}, automatic, restores, tasksHaveRun } = work;
  const taskIntents = orderTasks(plan, next, observed.records);
  const tasks = tasksHaveRun === true ? [] : taskIntents.map(({ name }) => name);
  const { holder } = writer;
  const facts = applyFacts({ plan, next, records: observed.records, note, holder, tasks, startedAt });
  return {
    env: writer.env,
    lock: { holder: lock.holder, token: lock.token },
    ...(writer.lead === undefined ? {} : { lead: { holder: writer.lead.holder, token: writer.lead.token } }),
    planId: plan.planId,
    planDigest: plan.digest,
    lineage: plan.state.lineage,
    newLineage: writer.newLineage(),
    touched: plan.state.touched,
    writes: next.writes,
    prunes: next.prunes,
    commit: plan.source.dirty ? null : plan.source.headSha,
    policyDigest: policyDigestOf(next.all),
    appliedAt,
    taskIntents,
    triggers: orderTriggers(plan, next, observed.records, appliedAt),
    history: { ...facts },
    ...(automatic === undefined ? {} : { automatic }),
    ...(restores === undefined ? {} : { restores }),
    ...(tasksHaveRun === undefined ? {} : { tasksHaveRun }),
  };
}

/** A rename runs nothing again, and neither does a change beside the spec, whatever the record was called before. */
function orderTasks({ changes }: Plan, { writes }: NextRecords, records: ObservedState["records"]): TaskOrder[] {
  const previous = new Map(changes.map(({ address, previousAddress }) => [address, previousAddress ?? address]));
  return writes.flatMap((record) => {
    const before = records.get(previous.get(record.address) ?? record.address)?.manifest;
    const isSame = before !== undefined && specDigest(before) === specDigest(record.manifest);
    return isSame ? [] : (orderTask(record) ?? []);
  });
}

function movedOf(answer: Extract<ApplyAnswer, { readonly outcome: "stale" }>): Moved {
  switch (answer.what) {
    case "lineage":
      return { input: "lineage", message: "the state's lineage is another" };
    case "record":
      return { input: "record", message: `${answer.address} changed in the state` };
    case "suspended":
      return { input: "hold", message: `${answer.address ?? "the environment"} was suspended meanwhile` };
  }
}

async function reportApplied(writer: Writer, plan: Plan, applied: { serial: number; tookMs: number }): Promise<void> {
  const commit = plan.source.headSha;
  if (!writer.reports || commit === null || plan.source.dirty) return;
  const { serial, tookMs } = applied;
  await pushOutbox(writer.redis, writer.env, { kind: "applied", env: writer.env, commit, serial, plan, tookMs });
}
