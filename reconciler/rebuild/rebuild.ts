// Restores the state of an environment from Git after its Redis was lost: the records of one commit, with a new lineage,
// and nothing that runs again.
import { displayAddress } from "../../contracts/address.ts";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { type ApplyOutcome, applyPlan, type Writer } from "../apply/apply-plan.ts";
import { orderTask } from "../apply/task-request.ts";
import { makePlan, type PlannableSource } from "../plan/make-plan.ts";

export interface RebuildInput {
  /** The commit that was applied last. An invalid one only where the environment isolates what is broken. */
  readonly source: PlannableSource;
  readonly settings: EnvironmentSettings;
  readonly observed: ObservedState;
  readonly tool: Plan["tool"];
  readonly newId: () => string;
  readonly person: string;
}

export interface Rebuilt {
  readonly outcome: "rebuilt";
  readonly serial: number;
  readonly lineage: string;
  readonly commit: string | null;
  readonly records: number;
  /** Run-mode Tasks of that commit: their content counts as run. */
  readonly tasksNotRunAgain: readonly string[];
  readonly unknown: readonly string[];
}

export type RebuildOutcome =
  | Rebuilt
  /** There is a state: it is not rebuilt over. */
  | { readonly outcome: "exists"; readonly serial: number; readonly records: number }
  | Exclude<ApplyOutcome, { readonly outcome: "applied" }>;

/** What Redis alone knew. Told every time, word for word: nobody is to find out later. */
export const UNKNOWN = [
  "generations: every record counts from 1 again, so the next task of a changed Task may get a name that was used before",
  "the history before now, and with it every apply to roll back to",
  "tasks that were pending or running, their results, and whether their writes happened",
  "traces and decisions; heads that were posted to GitHub are there",
  "suspensions, and the hold that a rollback leaves behind",
  "Tasks whose content ran before that commit: going back to such content runs it once more",
  "records that were in the state and not in that commit: retained, suspended or blocked ones",
  "changes that were made to records by others than an apply",
] as const;

function brokenLines({ changes }: Plan): string[] {
  const broken = changes.filter(({ blocked }) => blocked !== undefined).map(displayAddress);
  return broken.length === 0
    ? []
    : [`what these were before their manifests broke, or needed one that did: ${broken.join(", ")}`];
}

export async function rebuild(writer: Writer, input: RebuildInput): Promise<RebuildOutcome> {
  const { source, settings, observed, tool, newId, person } = input;
  if (observed.head !== null)
    return { outcome: "exists", serial: observed.head.serial, records: observed.records.size };
  const facts = { env: writer.env, now: writer.now(), planId: newId(), tool };
  const plan = makePlan({ source, settings, history: "first", observed, ...facts });
  const { manifests } = source.load.set;
  const applied = await applyPlan(writer, {
    plan,
    manifests,
    observed,
    note: { person, rebuilt: true },
    tasksHaveRun: true,
  });
  if (applied.outcome !== "applied") return applied;
  const { serial, lineage } = applied;
  const written = new Set(plan.changes.filter(({ blocked }) => blocked === undefined).map(({ address }) => address));
  const restored = manifests.filter(({ address }) => written.has(address));
  const tasks = restored.filter(
    ({ address, manifest }) => orderTask({ address, manifest, generation: 1 }) !== undefined,
  );
  return {
    outcome: "rebuilt",
    serial,
    lineage,
    commit: source.identity.headSha,
    records: restored.length,
    tasksNotRunAgain: tasks.map(({ address }) => address),
    unknown: [...UNKNOWN, ...brokenLines(plan)],
  };
}
