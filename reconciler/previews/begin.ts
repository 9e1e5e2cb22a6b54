// Makes the environment of a preview and starts its tasks. Whoever dies on the way leaves a preview that is `starting`, in
// which nobody works: it is made anew from nothing.
import type { Preview, PreviewTask } from "../../contracts/preview.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { appendAudit } from "../../store/audit-log.ts";
import { readStand } from "../../store/audit-tasks.ts";
import { emptyPreviewEnvironment, takePreviewEnvironment } from "../../store/preview-environment.ts";
import { dropPreviewWord, notePreviewStart, writePreview } from "../../store/previews.ts";
import { openQueue } from "../../store/queue.ts";
import { readState } from "../../store/state.ts";
import { applyPlan, type Writer } from "../apply/apply-plan.ts";
import { processLineageMemory } from "../apply/lineage-memory.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { makePlan, type PlannableSource } from "../plan/make-plan.ts";
import { keepAndTell, type PreviewCare, refuse } from "./care.ts";

export interface PreviewWork {
  readonly source: PlannableSource;
  readonly manifests: readonly LoadedManifest[];
  /** Which state of the base it runs under. */
  readonly base: { readonly serial: number; readonly commit: string | null };
}

/** `preview` is `starting`; afterwards it runs, is refused, or, where another writer is at it, starts anew at the next look. */
export async function beginPreview(care: PreviewCare, preview: Preview, work: PreviewWork): Promise<void> {
  const { redis, env, now } = care;
  const { env: own, pullRequest, head, by, id } = preview;
  const owner = { of: env, id };
  await writePreview(redis, env, preview);
  if ((await takePreviewEnvironment(redis, own, owner)) !== "taken") return await refuse(care, preview, [taken(own)]);
  await notePreviewStart(redis, env, id, now().getTime());
  await emptyPreviewEnvironment(redis, own, owner, "keep");
  const applied = await applyIn(care, preview, work);
  if (applied.outcome === "later") return;
  if (applied.outcome === "refused") {
    await emptyPreviewEnvironment(redis, own, owner, "give-back");
    return await refuse(care, preview, [applied.why]);
  }
  const tasks = await Promise.all(applied.tasks.map((ref) => taskAt(care, ref)));
  const facts = { kind: "preview.started" as const, pullRequest, head, environment: own, base: work.base, by };
  const named = tasks.map(({ namespace, name }) => `${namespace}/${name}`);
  await appendAudit(redis, env, [{ once: `preview started ${id}`, facts: { ...facts, tasks: named } }]);
  await keepAndTell(care, { ...preview, phase: "running", tasks });
  await dropPreviewWord(redis, env, pullRequest);
}

function taken(env: string): string {
  return `the environment \`${env}\` is somebody else's: set another \`previews.prefix\` in countwheel.yaml`;
}

type Applied =
  | { readonly outcome: "applied"; readonly tasks: readonly TaskRef[] }
  | { readonly outcome: "refused"; readonly why: string }
  | { readonly outcome: "later" };

async function applyIn(care: PreviewCare, { env, id }: Preview, { source, manifests }: PreviewWork): Promise<Applied> {
  const { redis, now, newId, signal, tool } = care;
  const queue = openQueue(redis, env);
  const writer: Writer = {
    redis,
    env,
    queue,
    now,
    holder: `preview ${id}`,
    lockWaitMs: LOCK_WAIT_MS,
    newLineage: newId,
    // Its state is this preview's alone: there is none that it could be taken for.
    lineages: processLineageMemory(),
    reports: false,
    signal,
  };
  try {
    const observed = await readState(redis, env);
    const load = { set: { manifests }, problems: [], manifestCount: manifests.length, fileCount: 0 };
    const read = { status: "ok" as const, identity: source.identity, set: load.set, load };
    const facts = { env, now: now(), planId: newId(), tool };
    const plan = makePlan({ source: read, history: "first", observed, ...facts });
    if (!plan.applyable)
      return {
        outcome: "refused",
        why: plan.problems[0]?.summary ?? plan.changes[0]?.blocked?.message ?? "it is empty",
      };
    const applied = await applyPlan(writer, { plan, manifests, observed });
    return applied.outcome === "applied" ? applied : { outcome: "later" };
  } finally {
    await queue.close();
  }
}

const LOCK_WAIT_MS = 1_000;

async function taskAt({ redis }: PreviewCare, ref: TaskRef): Promise<PreviewTask> {
  const { namespace, name } = ref;
  const stand = await readStand(redis, ref);
  const trace = { seq: stand?.events ?? 0, head: stand?.head ?? "" };
  return { namespace, name, phase: stand?.phase ?? "Pending", trace, line: null };
}
