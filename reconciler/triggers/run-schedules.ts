// Looks at the schedules again and again, as long as this reconciler leads: when a bell rings, and every few seconds in
// case one was lost; and at deliveries to webhooks that nobody finished. Beside the reconcile loop, so that a source that
// cannot be read stops no schedule.
import { setTimeout as pause } from "node:timers/promises";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import { failureRecord, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Redis } from "../../store/connect.ts";
import { hearScheduleBells } from "../../store/hear-schedule-bells.ts";
import { Bell } from "../bell.ts";
import type { AppliedState } from "./applied-state.ts";
import type { TriggerEvent } from "./events.ts";
import { healSchedules } from "./heal-schedules.ts";
import { hookOf } from "./hooks/answer-hook.ts";
import { sweepDeliveries } from "./hooks/take-delivery.ts";
import { withJitter } from "./pace.ts";
import { settleTriggers } from "./settle-triggers.ts";
import { type Sweeper, sweepSchedules } from "./sweep-schedules.ts";

export interface ScheduleRounds extends Omit<Sweeper, "emit" | "check"> {
  /** For deliveries whose taker died. */
  readonly state: AppliedState;
  /** A connection made for "worker", which nobody else uses. */
  readonly ears: Redis;
  readonly drift: EnvironmentSettings["drift"];
  readonly lead?: { readonly check: () => void };
  /** From 0 to 1. */
  readonly random: () => number;
  readonly emit: (event: TriggerEvent) => void;
  readonly signal: AbortSignal;
}

/** A bell that was lost costs a slot so long. */
const SWEEP_MS = 5_000;

/** Runs until `signal` is aborted. */
export async function runSchedules(rounds: ScheduleRounds): Promise<void> {
  const bell = new Bell();
  const hearing = hearScheduleBells(rounds.ears, rounds.env, () => bell.ring());
  try {
    await Promise.all([sweepOnAndOn(rounds, bell), healOnAndOn(rounds)]);
  } finally {
    await hearing.close();
  }
}

async function sweepOnAndOn(rounds: ScheduleRounds, bell: Bell): Promise<void> {
  const { lead, signal } = rounds;
  const sweeper = lead === undefined ? rounds : { ...rounds, check: lead.check };
  const said = { what: "" };
  let isReady = false;
  while (!signal.aborted) {
    bell.take();
    await tellFailures(rounds, said, async () => {
      // What was applied by an older version, or brought by an import, is not remembered yet; bells may have been lost.
      if (!isReady) await healSchedules(sweeper);
      isReady = true;
      await settleTriggers(sweeper);
      await sweepSchedules(sweeper);
      await sweepDeliveries(sweeper, rounds.state, hookOf);
    });
    await bell.wait(SWEEP_MS, signal);
  }
}

/** Bells that somebody took down or changed, where the environment heals its schedules. */
async function healOnAndOn(rounds: ScheduleRounds): Promise<void> {
  const { drift, random, signal } = rounds;
  if (!drift.selfHeal.includes("TaskSchedule")) return;
  const said = { what: "" };
  while (!signal.aborted) {
    await pause(withJitter(drift.intervalMs, random), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await tellFailures(rounds, said, () => healSchedules(rounds));
  }
}

async function tellFailures(
  { emit, signal }: ScheduleRounds,
  said: { what: string },
  look: () => Promise<void>,
): Promise<void> {
  try {
    await look();
    said.what = "";
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof PermanentFailure || error instanceof TransientFailure)) throw error;
    const { code, message } = failureRecord(error);
    if (said.what !== message) emit({ type: "failed", code, message, retryInMs: SWEEP_MS });
    said.what = message;
  }
}
