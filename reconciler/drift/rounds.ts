// Looks for drift again and again, beside the reconcile loop. Changes nothing itself: where something heals by itself it
// rings, and the loop's next look puts it back under all the holds that any other change has.
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../../contracts/canonical.ts";
import type { DriftReport } from "../../contracts/drift.ts";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import { failureRecord, LeaseLost, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { ObservedState } from "../../contracts/record.ts";
import type { Redis } from "../../store/connect.ts";
import type { RecordComparison } from "../../store/scripts/compare-records.ts";
import { makePlan } from "../plan/make-plan.ts";
import type { TickSource } from "../tick.ts";
import { withJitter } from "../triggers/pace.ts";
import { lookForDrift } from "./look.ts";
import type { Probe } from "./probe.ts";

export type DriftEvent =
  /** Said when what drifted is other than at the last round; with no items where everything is back. */
  | { readonly type: "drift"; readonly report: DriftReport }
  /** A round that came to nothing; said once until one comes to something. */
  | { readonly type: "drift-unknown"; readonly code: string; readonly message: string };

export interface DriftRounds {
  readonly redis: Redis;
  readonly env: string;
  readonly source: Pick<TickSource, "read">;
  readonly settings: EnvironmentSettings;
  readonly probes: readonly Probe[];
  readonly tool: Plan["tool"];
  readonly now: () => Date;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Told what the records were compared to, for the plans until the next round. */
  readonly onCompared?: (comparison: RecordComparison) => void;
  /** Told what every round found, also where it is what was found before. */
  readonly onFound?: (report: DriftReport) => Promise<void>;
  /** Wakes the reconcile loop. */
  readonly ring: () => void;
  readonly emit: (event: DriftEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs until `signal` is aborted. The first round comes after an interval: a start is a whole look anyway. */
export async function runDriftRounds(rounds: DriftRounds): Promise<void> {
  const { settings, random, signal } = rounds;
  let said = digestOf([]) as string;
  while (!signal.aborted) {
    await pause(withJitter(settings.drift.intervalMs, random), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) said = await saySomethingNew(rounds, said);
  }
}

async function saySomethingNew(rounds: DriftRounds, said: string): Promise<string> {
  const event = await driftRound(rounds);
  if (rounds.signal.aborted) return said;
  const key = event.type === "drift" ? digestOf(event.report.items) : `${event.code} ${event.message}`;
  if (key !== said) rounds.emit(event);
  return key;
}

/** One round. Rings where a record that may heal by itself has drifted; whether it is put back, the loop's look decides. */
export async function driftRound(rounds: DriftRounds): Promise<DriftEvent> {
  const { redis, env, source, settings, probes, signal } = rounds;
  try {
    const answer = await source.read(signal);
    if (answer.status === "unavailable") return { type: "drift-unknown", ...answer.reason };
    const plan = async (observed: ObservedState): Promise<Plan> => planOf(rounds, answer, observed);
    const look = { redis, env, ignore: settings.drift.ignore, probes, plan, signal };
    const { report, comparison } = await lookForDrift(look, answer);
    rounds.onCompared?.(comparison);
    await rounds.onFound?.(report);
    if (report.items.some((change) => mayHeal(change, settings))) rounds.ring();
    return { type: "drift", report };
  } catch (error) {
    const isExpected =
      error instanceof PermanentFailure || error instanceof TransientFailure || error instanceof LeaseLost;
    if (!isExpected && !signal.aborted) throw error;
    return { type: "drift-unknown", ...failureRecord(error) };
  }
}

function planOf(
  { env, settings, tool, now }: DriftRounds,
  source: Parameters<typeof makePlan>[0]["source"],
  observed: ObservedState,
): Plan {
  return makePlan({ source, observed, env, settings, tool, history: "fast-forward", now: now(), planId: "drift" });
}

function mayHeal({ kind, drift }: DriftReport["items"][number], { drift: { selfHeal } }: EnvironmentSettings): boolean {
  return selfHeal.includes(kind) && (drift.code === "RECORD_CHANGED" || drift.code === "RECORD_REMOVED");
}
