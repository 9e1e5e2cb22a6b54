// The reconcile loop: a tick, a rest, again. A push, a saved file or a timer only says "look again".
import { setTimeout as pause } from "node:timers/promises";
import { failureRecord, LeaseLost, PermanentFailure, TransientFailure } from "../contracts/failure.ts";
import { hasChanges, type Plan } from "../contracts/plan.ts";
import { pendingTriggers } from "../store/schedules.ts";
import { readHead } from "../store/state.ts";
import { StateMemory } from "../store/state-memory.ts";
import { sweepTasks } from "../store/sweep.ts";
import { pendingTaskIntents } from "../store/task-intents.ts";
import { Bell } from "./bell.ts";
import type { DriftEvent } from "./drift/rounds.ts";
import { isPeoplesHold } from "./holds/people.ts";
import type { LeadEvent } from "./leader/lead.ts";
import { PlanMemory } from "./plan/plan-memory.ts";
import type { CommitInfo } from "./source/source.ts";
import { isTransientReason } from "./source/unavailable.ts";
import { type TickOptions, type TickOutcome, type TickSource, tick } from "./tick.ts";
import type { TriggerEvent } from "./triggers/events.ts";
import { PACE, Pace, type PaceLimits, withJitter } from "./triggers/pace.ts";

export type HeadAnswer =
  | { readonly status: "ok"; readonly sha: string }
  | { readonly status: "unavailable" }
  /** A folder has no head, and a ref may be gone: such a look is a whole one. */
  | { readonly status: "none" };

export interface LoopSource extends TickSource {
  /** One look-up: where the ref stands, without reading anything. */
  lookUp(signal: AbortSignal): Promise<HeadAnswer>;
  /** Calls `ring` whenever the source may have changed. Answers how to stop; undefined where nothing can be watched. */
  watch(ring: () => void, signal: AbortSignal): Promise<(() => Promise<void>) | undefined>;
}

export type LoopEvent =
  | { readonly type: "planned"; readonly plan: Plan; readonly commit: CommitInfo | null }
  | { readonly type: "ended"; readonly result: TickOutcome }
  /** Said once until something else happens; `retryInMs` null: it waits for a change. */
  | { readonly type: "failed"; readonly code: string; readonly message: string; readonly retryInMs: number | null }
  | LeadEvent
  | DriftEvent
  | TriggerEvent;

export interface LoopOptions extends Omit<TickOptions, "onPlan" | "source"> {
  readonly source: LoopSource;
  /** How often to look where nothing rings, a tenth more or less. */
  readonly intervalMs: number;
  /** Rung by whoever knows that something may have changed, such as a webhook; the source rings it, too. */
  readonly bell?: Bell;
  /** Rung by whoever saw a record that is not what it was read as: what is remembered of the state is not believed. */
  readonly driftBell?: Bell;
  readonly pace?: PaceLimits;
  /** Called after each look that was rung for. */
  readonly onRungLook?: () => void;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly emit: (event: LoopEvent) => void;
}

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;

/** What the loop remembers between two looks. */
interface Memory {
  /** Where source and state stood when the last look found nothing left to do; undefined: look again. */
  settled: { readonly sha: string; readonly lineage: string; readonly serial: number } | undefined;
  /** What was said since something went on: the same failure is not said at every look. */
  readonly said: Set<string>;
  failures: number;
  readonly state: StateMemory;
  readonly plans: PlanMemory;
}

/** Runs until `signal` is aborted. What is expected to fail is said and tried again; a bug is thrown. */
export async function runLoop(options: LoopOptions): Promise<void> {
  const { source, signal } = options;
  const bell = options.bell ?? new Bell();
  const pace = new Pace(options.pace ?? PACE);
  const { redis, env, now } = options.writer;
  const state = new StateMemory(redis, env, now);
  const memory: Memory = { settled: undefined, said: new Set(), failures: 0, state, plans: new PlanMemory() };
  const unwatch = await source.watch(() => bell.ring(), signal);
  try {
    while (!signal.aborted) {
      await settle(bell, pace, signal);
      const rung = bell.take();
      const restMs = await look(options, memory, rung);
      if (rung) {
        pace.noteEnd(performance.now());
        options.onRungLook?.();
      }
      await bell.wait(restMs, signal);
    }
  } finally {
    await unwatch?.();
  }
}

/** Before a look that was rung for: in a storm it waits for more, and all that rang meanwhile is one look at the newest. */
async function settle(bell: Bell, pace: Pace, signal: AbortSignal): Promise<void> {
  if (!bell.isRung) return;
  await rest(pace.delayMs(performance.now()), signal);
  pace.noteLook(performance.now());
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await pause(ms, undefined, { signal }).catch(() => undefined);
}

/** Answers how long to rest, in milliseconds. */
async function look(options: LoopOptions, memory: Memory, rung: boolean): Promise<number> {
  try {
    if (options.dryRun !== true) await endOverdue(options);
    if (options.driftBell?.take() === true) memory.state.forget();
    if (!rung && !(await hasMoved(options, memory))) return nextPollMs(options);
    const onPlan = (plan: Plan, commit: CommitInfo | null): void => {
      if (hasChanges(plan)) say(options, memory, `planned ${plan.digest}`, { type: "planned", plan, commit });
    };
    const result = await tick({ ...options, state: memory.state, plans: memory.plans, onPlan });
    if (result.outcome === "overtaken") memory.state.forget();
    return remember(options, memory, result);
  } catch (error) {
    memory.state.forget();
    return sayFailure(options, memory, error);
  }
}

/** The limits of tasks hold though no runner is there to look. What cannot be read is for runners to tell. */
async function endOverdue({ writer: { redis, queue } }: LoopOptions): Promise<void> {
  await sweepTasks(redis, queue).catch(() => undefined);
}

function nextPollMs({ intervalMs, random }: LoopOptions): number {
  return withJitter(intervalMs, random);
}

/** An unchanged head costs one look-up in Git and two in Redis. */
async function hasMoved({ source, writer, signal }: LoopOptions, { settled }: Memory): Promise<boolean> {
  if (settled === undefined) return true;
  const head = await source.lookUp(signal);
  // What cannot be looked up cannot be read either: the tick tells why.
  if (head.status !== "ok" || head.sha !== settled.sha) return true;
  const state = await readHead(writer.redis, writer.env);
  if ((state?.serial ?? 0) !== settled.serial || (state?.lineage ?? "") !== settled.lineage) return true;
  return await hasOrders(writer);
}

/** Left behind by an apply that was cut off. */
async function hasOrders({ redis, env }: LoopOptions["writer"]): Promise<boolean> {
  return (await pendingTaskIntents(redis, env)).length > 0 || (await pendingTriggers(redis, env)).length > 0;
}

function remember(options: LoopOptions, memory: Memory, result: TickOutcome): number {
  say(options, memory, keyOf(result), { type: "ended", result });
  memory.settled = settledBy(result);
  if (isTransient(result)) return backOff(memory);
  memory.failures = 0;
  return nextPollMs(options);
}

function say({ emit }: LoopOptions, { said }: Memory, key: string, event: LoopEvent): void {
  if (said.has(key)) return;
  if (isProgress(event)) said.clear();
  said.add(key);
  emit(event);
}

/** After a new plan, or a look that went well, everything may be said again. */
function isProgress(event: LoopEvent): boolean {
  if (event.type === "ended") return event.result.outcome === "applied" || event.result.outcome === "unchanged";
  return event.type === "planned";
}

/** What is said once: the same source against the same state, or the same failure. */
function keyOf(result: TickOutcome): string {
  switch (result.outcome) {
    case "unavailable":
      return `unavailable ${result.reason.code} ${result.reason.message}`;
    case "applied":
      return `applied ${result.serial}`;
    case "unchanged":
      return `unchanged ${result.plan.digest} ${result.tasks.map(({ name }) => name).join(" ")}`;
    case "locked":
      return `locked ${result.holder}`;
    case "held":
      return `held ${result.plan.digest} ${JSON.stringify(result.hold)}`;
    case "invalid":
    case "overtaken":
    case "would-apply":
      return `${result.outcome} ${result.plan.digest}`;
  }
}

const WORD_ENDS: readonly string[] = ["history", "gate"];

function settledBy(result: TickOutcome): Memory["settled"] {
  if (result.outcome === "unavailable" || result.outcome === "overtaken" || result.outcome === "locked")
    return undefined;
  // A person's word or the clock ends it, and neither moves a head.
  if (result.outcome === "held" && (isPeoplesHold(result.hold) || WORD_ENDS.includes(result.hold.why)))
    return undefined;
  if (result.plan.changes.some(({ blocked }) => blocked?.code === "SUSPENDED")) return undefined;
  const { source, state } = result.plan;
  const { lineage, serial } = result.outcome === "applied" ? result : state;
  return source.headSha === null ? undefined : { sha: source.headSha, lineage, serial };
}

/** Worth another look soon, although nothing rings. The rest waits for a change, or for the usual interval. */
function isTransient(result: TickOutcome): boolean {
  if (result.outcome === "unavailable") return isTransientReason(result.reason);
  return result.outcome === "overtaken" || result.outcome === "locked";
}

function backOff(memory: Memory): number {
  memory.failures += 1;
  return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(16, memory.failures - 1));
}

function sayFailure(options: LoopOptions, memory: Memory, error: unknown): number {
  if (options.signal.aborted) return 0;
  memory.settled = undefined;
  const { code, message } = failureRecord(error);
  if (error instanceof PermanentFailure) {
    say(options, memory, `${code} ${message}`, { type: "failed", code, message, retryInMs: null });
    return nextPollMs(options);
  }
  if (!(error instanceof TransientFailure || error instanceof LeaseLost)) throw error;
  const asked = error instanceof TransientFailure ? (error.retryAfterMs ?? 0) : 0;
  const retryInMs = Math.max(asked, backOff(memory));
  say(options, memory, `${code} ${message}`, { type: "failed", code, message, retryInMs });
  return retryInMs;
}
