// Leads an environment, or stands by until its leader ends or dies: of several reconcilers on one Redis one does the work.
import { setTimeout as pause } from "node:timers/promises";
import { failureRecord, LeaseLost, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Redis } from "../../store/connect.ts";
import { acquireLead, type Lead } from "../../store/leader.ts";

export type LeadEvent =
  | { readonly type: "leading"; readonly env: string; readonly holder: string; readonly token: number }
  /** Said once for each leader. */
  | { readonly type: "standing-by"; readonly env: string; readonly behind: string }
  | { readonly type: "failed"; readonly code: string; readonly message: string; readonly retryInMs: number | null };

export interface LeadOptions {
  readonly redis: Redis;
  readonly env: string;
  /** Names this replica, for people who look for the leader. */
  readonly holder: string;
  readonly emit: (event: LeadEvent) => void;
  readonly signal: AbortSignal;
  /** How long a leader that died holds the others up, in milliseconds. */
  readonly ttlMs?: number;
}

/** Renewed by a heartbeat. A leader that ends in order gives the lead back at once. */
const TTL_MS = 5_000;
/** How often a replica that stands by asks at least. */
const STAND_BY_MS = 1_000;
const RETRY_MS = 1_000;

/** Runs `work` whenever this replica leads; its signal is aborted when the lead is lost. Ends with `signal`. */
export async function leadWhile(
  options: LeadOptions,
  work: (lead: Lead, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { env, emit, signal } = options;
  const said = { what: "" };
  while (!signal.aborted) {
    const turn = await takeTurn(options);
    if (turn.outcome === "held") {
      sayOnce(said, `behind ${turn.holder}`, () => emit({ type: "standing-by", env, behind: turn.holder }));
      await rest(Math.min(turn.untilMs + 1, STAND_BY_MS), signal);
    } else if (turn.outcome === "failed") {
      const { code, message } = turn;
      sayOnce(said, code, () => emit({ type: "failed", code, message, retryInMs: RETRY_MS }));
      await rest(RETRY_MS, signal);
    } else {
      said.what = "";
      emit({ type: "leading", env, holder: turn.lock.holder, token: turn.lock.token });
      await workWhileLeading(turn.lock, signal, work);
    }
  }
}

type Turn =
  | Awaited<ReturnType<typeof acquireLead>>
  | { readonly outcome: "failed"; readonly code: string; readonly message: string };

async function takeTurn({ redis, env, holder, ttlMs = TTL_MS }: LeadOptions): Promise<Turn> {
  try {
    return await acquireLead(redis, { env, holder, ttlMs });
  } catch (error) {
    if (!(error instanceof TransientFailure || error instanceof PermanentFailure)) throw error;
    return { outcome: "failed", ...failureRecord(error) };
  }
}

async function workWhileLeading(
  lead: Lead,
  signal: AbortSignal,
  work: (lead: Lead, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    await work(lead, AbortSignal.any([signal, lead.signal]));
  } catch (error) {
    // Whatever was cut off by the loss goes on in the replica that leads now.
    if (!(error instanceof LeaseLost && lead.signal.aborted)) throw error;
  } finally {
    await giveBack(lead);
  }
}

/** A Redis that does not answer lets the lead lapse by itself. */
async function giveBack(lead: Lead): Promise<void> {
  try {
    await lead.release();
  } catch (error) {
    if (!(error instanceof TransientFailure || error instanceof PermanentFailure)) throw error;
  }
}

function sayOnce(said: { what: string }, what: string, emit: () => void): void {
  if (said.what === what) return;
  said.what = what;
  emit();
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}
