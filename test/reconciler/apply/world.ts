// A writer over a real Redis, with a clock of its own, for tests of applies and ticks.
import { randomUUID } from "node:crypto";
import type { Plan } from "../../../contracts/plan.ts";
import type { ObservedState } from "../../../contracts/record.ts";
import { type ApplyOutcome, applyPlan, type Writer } from "../../../reconciler/apply/apply-plan.ts";
import { processLineageMemory } from "../../../reconciler/apply/lineage-memory.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { connectRedis, type Redis } from "../../../store/connect.ts";
import { openQueue } from "../../../store/queue.ts";
import { readState } from "../../../store/state.ts";
import { plan, source } from "../plan/builders.ts";

export interface World {
  readonly redis: Redis;
  readonly env: string;
  readonly writer: Writer;
  readonly read: () => Promise<ObservedState>;
  /** Plans the set against what is there now. */
  readonly planned: (set: readonly LoadedManifest[]) => Promise<Plan>;
  applyPlan(made: Plan, set: readonly LoadedManifest[], observed?: ObservedState): Promise<ApplyOutcome>;
  /** Plans and applies. */
  apply(set: readonly LoadedManifest[]): Promise<ApplyOutcome>;
  close(): Promise<void>;
}

export function openWorld(url: string, more: Partial<Writer> = {}): World {
  const env = `t-${randomUUID().slice(0, 8)}`;
  const redis = connectRedis(url, "command");
  const queue = openQueue(redis, env);
  const writer: Writer = {
    redis,
    queue,
    env,
    now: () => new Date("2026-11-01T12:00:00Z"),
    holder: "test",
    lockWaitMs: 0,
    newLineage: randomUUID,
    lineages: processLineageMemory(),
    signal: new AbortController().signal,
    reports: false,
    ...more,
  };
  const read = (): Promise<ObservedState> => readState(redis, env);
  const planned = async (set: readonly LoadedManifest[]): Promise<Plan> =>
    plan({ source: source(set), observed: await read(), env, planId: randomUUID() });
  const world: World = {
    redis,
    env,
    writer,
    read,
    planned,
    applyPlan: async (made, set, observed) =>
      applyPlan(writer, { plan: made, manifests: set, observed: observed ?? (await read()) }),
    apply: async (set) => world.applyPlan(await planned(set), set),
    async close() {
      await queue.close();
      redis.disconnect();
    },
  };
  return world;
}
