// Puts into a plan what its policies would have decided of what was decided lately, where they are other ones than now.
import type { Plan } from "../../contracts/plan.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import type { ObservedState } from "../../contracts/record.ts";
import type { Redis } from "../../store/connect.ts";
import { policySetOf } from "../plan/access-model.ts";
import type { PlannableSource } from "../plan/make-plan.ts";
import { REPLAY_LIMITS, readDecisions } from "./read-decisions.ts";
import { type Recorded, replayDecisions } from "./replay.ts";

export interface ReplayGround {
  readonly env: string;
  readonly source: PlannableSource;
  readonly observed: ObservedState;
  readonly now: Date;
  readonly signal: AbortSignal;
}

const DAY_MS = 86_400_000;

/** null: the policies stay as they are, or nobody can say what they will be. */
export async function recordedFor(redis: Redis, ground: ReplayGround): Promise<Recorded | null> {
  const { env, source, observed, now, signal } = ground;
  if (source.status !== "ok" || observed.head === null) return null;
  if (observed.head.policyDigest === policyDigestOf(source.load.set.manifests)) return null;
  const since = new Date(now.getTime() - REPLAY_LIMITS.planDays * DAY_MS);
  return readDecisions(redis, { env, since, limit: REPLAY_LIMITS.planned, signal });
}

/** The plan's digest stays: it is about what would be applied, and this about what was. */
export function addReplay(plan: Plan, recorded: Recorded | null, source: PlannableSource): Plan {
  if (recorded === null) return plan;
  return { ...plan, replay: replayDecisions(recorded, policySetOf(source.load.set.manifests)) };
}
