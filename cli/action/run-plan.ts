// The plan of a pull request, a merge group or any other event: made from the checkout, shown wherever the token may write.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { hasChanges, type Plan } from "../../contracts/plan.ts";
import { ON_PULL_REQUEST, RUN_ON } from "../../contracts/preview.ts";
import type { ObservedState } from "../../contracts/record.ts";
import type { WorldFinding } from "../../reconciler/drift/probe.ts";
import { findFrozenHold, frozenText } from "../../reconciler/holds/frozen.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import { codeSpan, prose } from "../../reconciler/plan/inert.ts";
import { makePlan, type PlannableSource } from "../../reconciler/plan/make-plan.ts";
import { githubLinks } from "../../reconciler/plan/markdown-parts.ts";
import { observedFromSource } from "../../reconciler/plan/observed-from-source.ts";
import { renderPlanMarkdown } from "../../reconciler/plan/render-markdown.ts";
import { renderPlanText } from "../../reconciler/plan/render-text.ts";
import { writeSavedPlan } from "../../reconciler/plan/saved-plan.ts";
import { markedTasks } from "../../reconciler/previews/compose.ts";
import { addReplay, recordedFor } from "../../reconciler/replay/replay-plan.ts";
import { annotatePlan } from "../../reconciler/report/annotations.ts";
import { nextStep } from "../../reconciler/report/post-plan.ts";
import type { Redis } from "../../store/connect.ts";
import type { Holds } from "../../store/holds.ts";
import type { RecordComparison } from "../../store/scripts/compare-records.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { ActionContext } from "./action-context.ts";
import { type ManifestPlace, readBase, readCheckedOut, readCheckout, readHistory } from "./checkout.ts";
import type { ActionEvent } from "./event.ts";
import { SUMMARY_BYTES } from "./job.ts";
import { planExit, planOutputs } from "./outcome.ts";
import { placeOf, readPlanSettings, withProblems } from "./settings.ts";
import { startTelling } from "./tell-pull.ts";

export async function runPlan(action: ActionContext): Promise<ExitCode> {
  await refuseCheckedOutHead(action);
  const telling = await startTelling(action);
  try {
    const startedAt = action.now().getTime();
    const made = await makeActionPlan(action);
    const tookMs = action.now().getTime() - startedAt;
    await tellJob(action, made, telling === null);
    await telling?.plan({ ...made, tookMs });
    return planExit(made.plan);
  } catch (error) {
    await telling?.failure(error);
    throw error;
  }
}

/** With the base's rights, nothing of a stranger's head may lie where a later step could run it. */
async function refuseCheckedOutHead({ event, checkout }: ActionContext): Promise<void> {
  if (event.kind !== "pull-request" || !event.target) return;
  if ((await readCheckedOut(checkout)) !== event.head) return;
  const text =
    "this `pull_request_target` workflow has checked out the pull request's head, which hands the base's secrets to it. " +
    "Use `on: pull_request`, or fetch the head without checking it out.";
  throw new PermanentFailure("HEAD_CHECKED_OUT", text);
}

interface MadePlan {
  readonly plan: Plan;
  /** What it was compared with. */
  readonly base: string | null;
  /** Markdown of ours. */
  readonly notes: string;
}

async function makeActionPlan(action: ActionContext): Promise<MadePlan> {
  const { event, inputs, checkout, now, newId, tool } = action;
  const { settings, remarks, problems } = await readPlanSettings(action);
  const place = placeOf(action, settings);
  const source = withProblems(await readCheckout(checkout, event.head, place), problems);
  const { base, holds = NO_HOLDS, ...compared } = await readComparison(action, place);
  const past = base === null ? "first" : await readHistory(checkout, base, event.head);
  const history = past ?? "fast-forward";
  const facts = { env: inputs.environment, now: now(), planId: newId(), tool };
  const made = makePlan({ source, history, ...compared, suspended: holds.resources, settings, ...facts });
  const ground = {
    env: inputs.environment,
    source,
    observed: compared.observed,
    now: facts.now,
    signal: action.signal,
  };
  const recorded = inputs.against === "state" ? await action.withRedis((redis) => recordedFor(redis, ground)) : null;
  const plan = addReplay(made, recorded, source);
  const behind = history === "forced" && plan.changes.length > 0 ? [behindNote(base)] : [];
  const notes = [
    ...remarks,
    ...previewNotes(action, source),
    ...waitNotes(plan, { settings, holds, now: now() }),
    ...behind,
  ];
  return { plan, base, notes: notes.map((note) => `> ${note}`).join("\n>\n") };
}

interface Waits {
  readonly settings: EnvironmentSettings;
  readonly holds: Pick<Holds, "environment">;
  readonly now: Date;
}

/** What would hold the plan back if it were applied now. */
function waitNotes(plan: Plan, { settings, holds, now }: Waits): string[] {
  const frozen = hasChanges(plan) ? findFrozenHold(settings.freeze, now) : undefined;
  return [
    ...(holds.environment === null ? [] : [`The environment is ${prose(suspensionText(holds.environment))}`]),
    ...(settings.gate === "person" && hasChanges(plan)
      ? ["Its apply waits for a person (gate): a job does not apply it, `countwheel apply` does."]
      : []),
    ...(frozen === undefined ? [] : [`The environment is ${prose(frozenText(frozen))}`]),
  ];
}

/** Nobody reads out of an Action's silence that what is marked did not run. */
function previewNotes({ event }: ActionContext, source: PlannableSource): string[] {
  if (event.kind !== "pull-request" || source.status !== "ok") return [];
  const count = markedTasks(source.set.manifests).length;
  if (count === 0) return [];
  const tasks = count === 1 ? "One Task is" : `${count} Tasks are`;
  return [
    `${tasks} marked to run on pull requests (${codeSpan(`${RUN_ON}: ${ON_PULL_REQUEST}`)}). This job runs none: previews need the server, ${codeSpan("countwheel reconcile --github")} and a runner with ${codeSpan("--previews")}.`,
  ];
}

function behindNote(base: string | null): string {
  return `This branch lacks commits of ${codeSpan(base?.slice(0, 7) ?? "its base")}: what these changed shows up here the other way round. Update the branch to see its own changes alone.`;
}

const NOTHING: ObservedState = { head: null, records: new Map() };
const NO_HOLDS = { environment: null, resources: new Map() };

interface Comparison {
  readonly observed: ObservedState;
  readonly base: string | null;
  readonly holds?: Holds;
  readonly comparison?: RecordComparison;
  readonly drifted?: readonly WorldFinding[];
}

async function readComparison(action: ActionContext, place: ManifestPlace): Promise<Comparison> {
  const { inputs, checkout } = action;
  if (inputs.against === "state") return await action.withRedis((redis) => readStateNow(redis, inputs.environment));
  const base = inputs.against === "base" ? baseOf(action.event) : inputs.against;
  if (base === null) return { observed: NOTHING, base };
  const source = await readBase(checkout, base, place);
  return { observed: source === null ? NOTHING : observedFromSource(source), base: source?.identity.headSha ?? base };
}

async function readStateNow(redis: Redis, env: string): Promise<Comparison> {
  const { readState } = await import("../../store/state.ts");
  const { readHolds } = await import("../../store/holds.ts");
  const { compareRecords } = await import("../../store/scripts/compare-records.ts");
  const { readDriftedTools } = await import("../../reconciler/drift/drifted-tools.ts");
  const observed = await readState(redis, env);
  const [holds, comparison] = [await readHolds(redis, env), await compareRecords(redis, env)];
  const drifted = await readDriftedTools(redis, env, observed);
  return { observed, base: observed.head?.commit ?? null, holds, comparison, drifted };
}

/** null: the first push of a branch; an event without a change of its own is compared with itself. */
function baseOf(event: ActionEvent): string | null {
  switch (event.kind) {
    case "pull-request":
    case "merge-group":
      return event.base;
    case "push":
      return event.before;
    case "other":
      return event.head;
  }
}

async function tellJob(action: ActionContext, { plan, base, notes }: MadePlan, annotate: boolean): Promise<void> {
  const { job, repositoryUrl, event, now, temporary } = action;
  await mkdir(temporary, { recursive: true });
  const planPath = join(temporary, `plan-${plan.planId}.json`);
  await writeSavedPlan(planPath, plan, action.inputs.stateKey);
  await job.setOutputs({ ...planOutputs(plan), "plan-path": planPath });
  const next = nextStep(plan);
  const options = { maxBytes: SUMMARY_BYTES, head: event.head, base, linkTo: githubLinks(repositoryUrl), notes, next };
  await job.summarize(renderPlanMarkdown(plan, options));
  job.print(renderPlanText(plan, { paint: (_style, text) => text, commit: null, base, now: now() }));
  if (annotate) for (const annotation of annotatePlan(plan)) job.annotate(annotation);
}
