// What GitHub is told of a plan by a job: a check that is open while it is made and always concludes, the comment, and in
// the comment that it is being made, where that takes its time. A push costs four requests.
import { setTimeout as wait } from "node:timers/promises";
import { failureRecord, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { prose } from "../../reconciler/plan/inert.ts";
import {
  type CheckSubject,
  concludeCheck,
  concludeSuperseded,
  openCheck,
  type PostedCheck,
} from "../../reconciler/report/check-run.ts";
import type { Github } from "../../reconciler/report/github.ts";
import { planCheckSubject } from "../../reconciler/report/plan-check.ts";
import { authorOf, type PlanPost, postPlanCheck, postPlanComment } from "../../reconciler/report/post-plan.ts";
import { renderPlanning, renderUnplanned } from "../../reconciler/report/pulls/pull-text.ts";
import {
  editKnown,
  findStickyComment,
  type KnownComment,
  putStickyComment,
} from "../../reconciler/report/sticky-comment.ts";
import type { ActionContext } from "./action-context.ts";

type Made = Pick<PlanPost, "plan" | "base"> & { readonly notes: string; readonly tookMs: number };

export interface Telling {
  plan(made: Made): Promise<void>;
  /** Throws nothing: what kept the plan back is what the job ends with. */
  failure(error: unknown): Promise<void>;
}

/** null: nobody can be told, for want of a token or of a right. */
export async function startTelling(action: ActionContext): Promise<Telling | null> {
  const { event, inputs, github } = action;
  if (github === null) return null;
  const subject = planCheckSubject(inputs.environment, event.head);
  const check = await unlessForbidden(() => openCheck(github, subject, "Planning …"));
  if (check === undefined) return null;
  const open: Open = { action, github, subject, check };
  const stopAnnouncing = announceLater(open);
  return {
    plan: async (made) => await tellPlan(open, made, await stopAnnouncing()),
    failure: async (error) => await tellFailure(open, error, await stopAnnouncing()),
  };
}

interface Open {
  readonly action: ActionContext;
  readonly github: Github;
  readonly subject: CheckSubject;
  readonly check: PostedCheck;
}

/** Most plans are there sooner, and one edit of the comment is enough for them. */
const ANNOUNCE_AFTER_MS = 3_000;

/** The comment, as it was found when there was something to announce in it. */
type Announced = (KnownComment & { readonly before: string }) | null;

/** Answers how to stop, with what was announced where. */
function announceLater(open: Open): () => Promise<Announced> {
  const stop = new AbortController();
  const announcing = wait(ANNOUNCE_AFTER_MS, undefined, { signal: stop.signal }).then(
    () => announce(open),
    () => null,
  );
  return () => {
    stop.abort();
    return announcing;
  };
}

async function announce({ action, github, check }: Open): Promise<Announced> {
  const pull = pullOf(action);
  if (pull === null) return null;
  const { inputs, event } = action;
  try {
    const author = await authorOf(github, check);
    const found = await findStickyComment(github, { pull, env: inputs.environment, author });
    if (found === undefined) return null;
    const planning = renderPlanning({ env: inputs.environment, head: event.head, earlier: null });
    await editKnown(github, found.id, planning);
    return { id: found.id, author, before: found.body };
  } catch (error) {
    // A courtesy: what keeps it back keeps the plan back as well, and is told then.
    if (error instanceof PermanentFailure || error instanceof TransientFailure) return null;
    throw error;
  }
}

/** null: no comment is wanted, or there is no pull request. */
function pullOf({ event, inputs }: ActionContext): number | null {
  return event.kind === "pull-request" && inputs.comment ? event.number : null;
}

async function tellPlan(open: Open, made: Made, announced: Announced): Promise<void> {
  const { action, github, check: opened } = open;
  const { event, job, now } = action;
  const post: PlanPost = { ...made, pullRequest: pullOf(action), head: event.head, now: now() };
  const check = await postPlanCheck(github, post, isFirstCheck(action) ? opened : "ask");
  await job.setOutputs({ "check-id": check.via === "check" ? check.id : "", "comment-id": "" });
  const comment = await unlessForbidden(() => postPlanComment(github, post, check, announced));
  if (comment === undefined)
    return job.notice("no comment: the token lacks `pull-requests: write`, or the conversation is locked");
  if (comment !== null) await job.setOutputs({ "comment-id": comment.id });
  await concludeBefore(open, announced?.before ?? comment?.before);
}

/** Nobody can have put a check on a head that was pushed just now. */
function isFirstCheck({ event, isRerun }: ActionContext): boolean {
  return !isRerun && ((event.kind === "pull-request" && event.before !== null) || event.kind === "merge-group");
}

/** Where the comment did not show the plan of the head before, the job of that head was perhaps killed before its end. */
async function concludeBefore({ action, github }: Open, comment: string | undefined): Promise<void> {
  const { event, inputs } = action;
  const before = event.kind === "pull-request" ? event.before : null;
  const marker = comment?.split("\n", 1)[0] ?? "";
  if (before === null || (marker.includes(` head=${before} `) && !marker.includes(" state=stale "))) return;
  await unlessForbidden(() => concludeSuperseded(github, planCheckSubject(inputs.environment, before), event.head));
}

/** The check always concludes: a required check that stays open would hold the pull request for ever. */
async function tellFailure({ action, github, subject, check }: Open, error: unknown, announced: Announced) {
  const { event, inputs, job, signal } = action;
  const { code, message } = signal.aborted ? CANCELLED : failureRecord(error);
  const [conclusion, title] = signal.aborted
    ? (["cancelled", "Cancelled"] as const)
    : (["failure", `Failed: ${code}`] as const);
  const result = { conclusion, title, summary: prose(message), text: "", annotations: [], digest: `failed:${code}` };
  const env = inputs.environment;
  const pull = pullOf(action);
  try {
    await concludeCheck(github, subject, result);
    // Of a job that was cancelled for the sake of a newer one nobody need hear, unless it has announced something.
    if (pull === null || (signal.aborted && announced === null)) return;
    const author = await authorOf(github, check);
    const body = renderUnplanned({ env, head: event.head, earlier: null }, code, message);
    await unlessForbidden(() => putStickyComment(github, { pull, env, author }, body, announced));
  } catch {
    job.notice("the check could not be concluded");
  }
}

const CANCELLED = { code: "CANCELLED", message: "The job was cancelled." };

/** Tokens of forks and of Dependabot only read. The plan is then told by summary and annotations alone. */
async function unlessForbidden<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof PermanentFailure && error.code === "GITHUB_FORBIDDEN") return undefined;
    throw error;
  }
}
