// One look for drift: reads the state, its inventory and the world, and compares them with a source that was read.
import type { DriftReport } from "../../contracts/drift.ts";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { ObservedState } from "../../contracts/record.ts";
import type { Redis } from "../../store/connect.ts";
import { compareRecords, type RecordComparison } from "../../store/scripts/compare-records.ts";
import { readMissingSecrets, readTools } from "../../store/sightings.ts";
import { readState } from "../../store/state.ts";
import type { PlannableSource } from "../plan/make-plan.ts";
import { readScheduleWorld } from "../triggers/heal-schedules.ts";
import { findDrift } from "./find-drift.ts";
import { type Probe, runProbes } from "./probe.ts";
import { endpointsProbe, type FindHost } from "./probes/endpoints.ts";
import { pinsProbe } from "./probes/pins.ts";
import { schedulesProbe } from "./probes/schedules.ts";
import { secretsProbe } from "./probes/secrets.ts";

export interface DriftLook {
  readonly redis: Redis;
  readonly env: string;
  readonly ignore: EnvironmentSettings["drift"]["ignore"];
  readonly probes: readonly Probe[];
  /** Plans the source against the state, without carrying anything out. */
  readonly plan: (observed: ObservedState) => Promise<Pick<Plan, "changes">>;
  readonly signal: AbortSignal;
}

export interface Looked {
  readonly report: DriftReport;
  readonly observed: ObservedState;
  readonly comparison: RecordComparison;
}

export async function lookForDrift(look: DriftLook, source: PlannableSource): Promise<Looked> {
  const { redis, env, ignore, probes, signal } = look;
  const observed = await readState(redis, env);
  const comparison = await compareRecords(redis, env);
  const world = await runProbes(probes, [...observed.records.values()], signal);
  const { changes } = await look.plan(observed);
  const report = findDrift({ env, source, observed, comparison, world, changes, ignore });
  return { report, observed, comparison };
}

/** `findHost` null: no name server is asked. */
export function worldProbes(redis: Redis, env: string, findHost: FindHost | null): readonly Probe[] {
  return [
    pinsProbe(() => readTools(redis, env)),
    secretsProbe(() => readMissingSecrets(redis, env)),
    schedulesProbe(() => readScheduleWorld({ redis, env })),
    ...(findHost === null ? [] : [endpointsProbe(findHost)]),
  ];
}
