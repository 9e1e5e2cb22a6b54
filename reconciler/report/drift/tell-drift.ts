// Tells of an environment's drift in one issue: opened when something drifts, edited while it does, closed by an edit once it
// is gone, opened again when it comes back. What a person closes stays closed until something else drifts.
import { digestOf } from "../../../contracts/canonical.ts";
import type { DriftReport } from "../../../contracts/drift.ts";
import type { Redis } from "../../../store/connect.ts";
import { acquireDriftLock, type DriftNote, readDriftNote, writeDriftNote } from "../../../store/drift-note.ts";
import type { Issue } from "../github/issues.ts";
import type { Github } from "../github.ts";
import { driftMarker, renderDriftGone, renderDriftIssue } from "./drift-text.ts";

export interface DriftTelling {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Pick<Github, "findViewer" | "listOpenIssues" | "findIssue" | "createIssue" | "updateIssue">;
  /** Unique among all that may tell of this environment at once. */
  readonly holder: string;
}

export type DriftTold =
  /** `number` null: there is no drift, and no issue. */
  | { readonly outcome: "told"; readonly number: number | null }
  /** Somebody else tells of it at this moment. */
  | { readonly outcome: "busy"; readonly holder: string };

const LOCK_MS = 60_000;

/** Throws as the verbs of Github do: GITHUB_FORBIDDEN without `issues: write`, GITHUB_NOT_FOUND where issues are turned off. */
export async function tellDrift(telling: DriftTelling, report: DriftReport): Promise<DriftTold> {
  const { redis, env, holder } = telling;
  const answer = await acquireDriftLock(redis, env, { holder, ttlMs: LOCK_MS });
  if (answer.outcome === "held") return { outcome: "busy", holder: answer.holder };
  try {
    const note = await readDriftNote(redis, env);
    const found = await findOurs(telling, note);
    const told = report.items.length === 0 ? null : driftDigest(report);
    const issue =
      told === null ? await tellGone(telling, found, report) : await tellItems(telling, found, report, note);
    const known = issue === undefined ? null : { number: issue.number, author: issue.author };
    await writeDriftNote(redis, env, { issue: known, told });
    return { outcome: "told", number: known?.number ?? null };
  } finally {
    await answer.lock.release();
  }
}

/** Of what drifted, wherever the state and the branch stand meanwhile. */
export function driftDigest({ items }: DriftReport): string {
  return digestOf(items.map(({ address, action, reason, drift: { code } }) => ({ address, action, reason, code })));
}

async function tellGone(
  { github }: DriftTelling,
  issue: Issue | undefined,
  report: DriftReport,
): Promise<Issue | undefined> {
  if (issue?.open === true)
    await github.updateIssue(issue.number, { ...renderDriftGone(report), state: "closed", state_reason: "completed" });
  return issue;
}

async function tellItems(
  { github }: DriftTelling,
  issue: Issue | undefined,
  report: DriftReport,
  note: DriftNote,
): Promise<Issue> {
  const { title, body } = renderDriftIssue(report);
  if (issue === undefined) return await github.createIssue(title, body);
  // It was open when this very drift was told: somebody has closed it since.
  if (!issue.open && note.told === driftDigest(report)) return issue;
  if (!issue.open) await github.updateIssue(issue.number, { title, body, state: "open" });
  else if (issue.title !== title || issue.body !== body) await github.updateIssue(issue.number, { title, body });
  return issue;
}

/** By the note, or by a search for the marker: after a lost answer, or with a Redis that has forgotten. */
async function findOurs(telling: DriftTelling, { issue: known }: DriftNote): Promise<Issue | undefined> {
  const { github, env } = telling;
  const noted = known === null ? undefined : await github.findIssue(known.number);
  if (noted !== undefined && noted.author === known?.author && noted.body.startsWith(driftMarker(env))) return noted;
  const [first, ...others] = await searchOurs(telling);
  // What a race of the past left behind.
  for (const { number } of others) await github.updateIssue(number, { state: "closed", state_reason: "not_planned" });
  return first;
}

/**
 * A marker in somebody's issue is nothing to us. An App's token has no account that it may ask for; only Apps can have
 * opened what an App opened.
 */
async function searchOurs({ github, env }: DriftTelling): Promise<Issue[]> {
  const viewer = await github.findViewer();
  const ours: Issue[] = [];
  for await (const issue of github.listOpenIssues()) {
    const mayBe = viewer === null ? issue.byApp : issue.author === viewer;
    if (mayBe && issue.body.startsWith(driftMarker(env))) ours.push(issue);
  }
  return ours;
}
