// `reconcile` as it runs for long: each environment has its own leader and its own loop; a failure of one is its own.
import { setTimeout as pause } from "node:timers/promises";
import type { DriftReport } from "../../contracts/drift.ts";
import { defaultSettings } from "../../contracts/environment.ts";
import { failureRecord, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { runSigningRounds } from "../../reconciler/audit/sign-head.ts";
import { Bell } from "../../reconciler/bell.ts";
import { ComparisonMemory } from "../../reconciler/drift/comparison-memory.ts";
import { findHost } from "../../reconciler/drift/find-host.ts";
import { worldProbes } from "../../reconciler/drift/look.ts";
import { runDriftRounds } from "../../reconciler/drift/rounds.ts";
import { type Leading, startReplica } from "../../reconciler/leader/replica.ts";
import { type LoopEvent, type LoopOptions, runLoop } from "../../reconciler/loop.ts";
import type { Reporting } from "../../reconciler/report/start-reporting.ts";
import type { AppliedState } from "../../reconciler/triggers/applied-state.ts";
import { runSchedules } from "../../reconciler/triggers/run-schedules.ts";
import type { Redis } from "../../store/connect.ts";
import type { RecordComparison } from "../../store/scripts/compare-records.ts";
import { runTogether } from "../run-together.ts";
import type { OpenEnvironment } from "./environment.ts";

export interface Looking {
  /** Look again: somebody said that the source may have changed. */
  look(): void;
  /** Settles with the signal. */
  readonly stopped: Promise<void>;
}

/** Leads the environment or stands by. `subscriber` hears what the other replicas were told. */
export function lookOn(environment: OpenEnvironment, subscriber: Redis, signal: AbortSignal): Looking {
  const { loop, print } = environment;
  const { redis, env, holder } = loop.writer;
  return startReplica({ redis, subscriber, env, holder, emit: print, signal }, (leading) =>
    lookLeading(environment, leading),
  );
}

/** Looks beside whoever leads, and leads nothing. */
export function watchDry({ loop, print }: OpenEnvironment, signal: AbortSignal): Looking {
  const bell = new Bell();
  return { look: () => bell.ring(), stopped: runLoop({ ...loop, bell, signal, emit: print }) };
}

/** The report is a loop of its own: it never holds the reconciler up, and ends with it. */
async function lookLeading(environment: OpenEnvironment, leading: Leading): Promise<void> {
  const { loop, report, print, ears, state, handsOf } = environment;
  const { bell, signal } = leading;
  const led = { ...loop, bell, ears, applied: state, writer: { ...loop.writer, lead: leading.lead, signal } };
  const looks =
    (more: Pick<LoopOptions, "emit" | "onRungLook"> & Pick<LeadingOptions, "onDrift">) => (together: AbortSignal) =>
      lookForBoth({ ...led, ...more, bell, signal: together });
  if (report === undefined) return await looks({ emit: print })(signal);
  const { startReporting } = await import("../../reconciler/report/start-reporting.ts");
  const { noteDrift } = await import("../../reconciler/report/drift/report-drift.ts");
  const { standingOf } = await import("../../reconciler/report/deployments/standing.ts");
  let reporting: Reporting | undefined;
  let standing: ReturnType<typeof standingOf>;
  const nudge = (): void => reporting?.nudge();
  const emit = (event: LoopEvent): void => {
    if (event.type === "ended") {
      const found = standingOf(event.result);
      const isNews = found !== undefined && found?.commit !== standing?.commit;
      if (found !== undefined) standing = found;
      if (event.result.outcome === "applied" || (isNews && report.deployment !== undefined)) nudge();
    }
    print(event);
  };
  await runTogether(signal, [
    (together) =>
      (reporting = startReporting({
        ...report,
        hands: handsOf(() => bell.ring()),
        standing: () => standing,
        signal: together,
      })).stopped,
    looks({
      emit,
      onRungLook: nudge,
      onDrift: async (found) => {
        if (await noteDrift(report.redis, found)) nudge();
      },
    }),
  ]);
}

interface LeadingOptions {
  readonly bell: Bell;
  readonly ears: () => Redis;
  readonly applied: AppliedState;
  readonly onDrift?: (report: DriftReport) => Promise<void>;
}

/** For what Git says, for the clock, and beside them for what became of what was applied. Whoever leads heals; the others only stand by. */
async function lookForBoth(loop: LoopOptions & LeadingOptions): Promise<void> {
  const { bell, ears, applied: state, source, tool, random, emit, writer } = loop;
  const { redis, env, now } = writer;
  const driftBell = new Bell();
  const ring = (): void => {
    driftBell.ring();
    bell.ring();
  };
  const settings = loop.settings ?? defaultSettings(env);
  const probes = worldProbes(redis, env, findHost);
  const comparison = new ComparisonMemory(redis, env);
  const onCompared = (found: RecordComparison): void => {
    // What the loop remembers of the state is older than what was found.
    if (comparison.note(found)) driftBell.ring();
  };
  const onFound = loop.onDrift === undefined ? {} : { onFound: loop.onDrift };
  const rounds = { redis, env, source, settings, probes, tool, now, random, ring, onCompared, ...onFound, emit };
  await runTogether(loop.signal, [
    (signal) => runLoop({ ...loop, driftBell, comparison, signal }),
    (signal) => runDriftRounds({ ...rounds, signal }),
    (signal) => runSchedules({ ...writer, state, ears: ears(), drift: settings.drift, random, emit, signal }),
    ...signing(loop),
  ]);
}

/** How much of the audit log may be unsigned, in time. */
const SIGN_MS = 60_000;

/** Nothing where there is no key. */
function signing({ writer, emit }: LoopOptions): ((signal: AbortSignal) => Promise<void>)[] {
  const { redis, env, auditKey: key } = writer;
  if (key === undefined) return [];
  return [(signal) => runSigningRounds({ redis, env, key, intervalMs: SIGN_MS, emit, signal })];
}

const AGAIN_MS = 60_000;

/** One of several: what would end a reconciler of one environment is said, and tried again later; the others go on. */
export async function apart({ print }: OpenEnvironment, signal: AbortSignal, run: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      return await run();
    } catch (error) {
      const { code, message } = failureRecord(error);
      const isBug = !(error instanceof PermanentFailure || error instanceof TransientFailure);
      const text = isBug ? `this is a bug of Countwheel, please report it: ${message}` : message;
      print({ type: "failed", code, message: text, retryInMs: AGAIN_MS });
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
