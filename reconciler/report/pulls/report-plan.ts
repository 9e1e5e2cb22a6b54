// Posts a pull request's plan, or why it has none, with what earlier posts have left to know: a new head costs a check and
// an edit.
import type { EnvironmentSettings } from "../../../contracts/environment.ts";
import type { OutboxEntry } from "../../../contracts/outbox.ts";
import type { Plan } from "../../../contracts/plan.ts";
import type { Redis } from "../../../store/connect.ts";
import { readHistory } from "../../../store/history.ts";
import { claimHead, findPullNote, type PullNote, type ShownPlan, writePullNote } from "../../../store/pull-notes.ts";
import { SETTINGS_FILE } from "../../environments/settings-file.ts";
import { prunesDigest } from "../../holds/confirm.ts";
import { changesDigest, countGated } from "../../holds/gate.ts";
import { codeSpan, prose } from "../../plan/inert.ts";
import { concludeCheck, type KnownChecks, type PostedCheck } from "../check-run.ts";
import type { Github } from "../github.ts";
import { planCheckSubject } from "../plan-check.ts";
import { authorOf, postPlan } from "../post-plan.ts";
import { APPLIED_LIMITS } from "../read-applied.ts";
import { type PutComment, putStickyComment } from "../sticky-comment.ts";
import { renderUnplanned } from "./pull-text.ts";

export interface PlanReport {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Github;
  readonly now: () => Date;
  /** Somebody hears who presses the checks' buttons. */
  readonly buttons?: boolean;
  readonly settings?: Pick<EnvironmentSettings, "gate">;
}

type EntryOf<K extends OutboxEntry["kind"]> = Extract<OutboxEntry, { readonly kind: K }>;

const SETTINGS_EDITED = `> **Privileged** ${codeSpan(SETTINGS_FILE)} is edited: it says how careful the reconciler is. This plan is made under the settings that the reconciler was started with; what is edited holds once it is started with it.`;

export async function reportPlan(report: PlanReport, entry: EntryOf<"plan">): Promise<void> {
  const { redis, env, github, now } = report;
  const { plan, pullRequest, headSha: head } = entry;
  const history = await readHistory(redis, env, APPLIED_LIMITS.history);
  const base = history.find(({ serial }) => serial === plan.state.serial)?.commit ?? null;
  const note = await findPullNote(redis, env, pullRequest);
  const known = { checks: await knownChecks(report, note, head), comment: note?.comment ?? null };
  const { commands = [], shown: earlier } = note ?? { shown: null };
  const notes = entry.editsSettings === true ? { notes: SETTINGS_EDITED } : {};
  const shows = { buttons: report.buttons === true, gated: report.settings?.gate === "person" };
  const post = { plan, pullRequest, head, base, now: now(), commands, ...shows, ...notes };
  const { check, comment } = await postPlan(github, post, known);
  const shown = { ...shownPlan(plan, head), since: sinceOf(plan, head, earlier, comment), checkUrl: urlOf(check) };
  await writeNote(report, pullRequest, { comment, shown, commands });
}

export async function reportUnplanned(report: PlanReport, entry: EntryOf<"unplanned">): Promise<void> {
  const { redis, env, github } = report;
  const { pullRequest, headSha: head, code, message } = entry;
  const note = await findPullNote(redis, env, pullRequest);
  const known = await knownChecks(report, note, head);
  const result = {
    digest: `unplanned:${code}`,
    conclusion: "failure",
    title: `Not planned: ${code}`,
    summary: prose(message),
    text: "",
    annotations: [],
  } as const;
  const check = await concludeCheck(github, planCheckSubject(env, head), result, known);
  const earlier = note?.shown ?? null;
  const author = await authorOf(github, check);
  const body = renderUnplanned({ env, head, earlier }, code, message);
  const comment = await putStickyComment(github, { pull: pullRequest, env, author }, body, note?.comment);
  await writeNote(report, pullRequest, { comment, shown: earlier, commands: note?.commands ?? [] });
}

function shownPlan(plan: Plan, head: string): Omit<ShownPlan, "since" | "checkUrl"> {
  const { digest, state, confirm } = plan;
  const prunes = confirm === null ? null : { prunes: confirm.prunes, digest: prunesDigest(plan) };
  const changes = { count: countGated(plan), digest: changesDigest(plan) };
  return { head, digest, serial: state.serial, lineage: state.lineage, confirm: prunes, changes };
}

/** The same plan that is posted again stands there since it was posted first. */
function sinceOf(plan: Plan, head: string, earlier: ShownPlan | null, comment: PutComment | null): string {
  if (earlier?.head === head && earlier.digest === plan.digest) return earlier.since;
  return comment?.updatedAt ?? "";
}

/** The comment became the record of an apply: it waits for no plan any more. */
export async function noteApplied(redis: Redis, env: string, pull: number): Promise<void> {
  const note = await findPullNote(redis, env, pull);
  if (note !== undefined && note.planning !== null) await writePullNote(redis, env, pull, { ...note, planning: null });
}

/**
 * A head that came to a pull request after its first plan, and that no check was tried on before, has none. Whoever reports
 * for the first time, or after a lost answer, asks.
 */
async function knownChecks({ redis, env, now }: PlanReport, note: PullNote | undefined, head: string) {
  const isFirst = await claimHead(redis, env, head, now().getTime());
  const known: KnownChecks = isFirst && note !== undefined ? "none" : "ask";
  return known;
}

async function writeNote(
  { redis, env, now }: PlanReport,
  pull: number,
  { comment, ...rest }: Pick<PullNote, "shown" | "commands"> & { readonly comment: PutComment | null },
): Promise<void> {
  const known = comment === null ? null : { id: comment.id, author: comment.author };
  await writePullNote(redis, env, pull, { comment: known, ...rest, planning: null, at: now().toISOString() });
}

function urlOf(check: PostedCheck): string | null {
  return check.via === "check" ? check.url : null;
}
