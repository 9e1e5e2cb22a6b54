// Looks at the open pull requests and plans each head that has no plan yet against the state. Posting is the outbox's affair.
import { defaultSettings, type EnvironmentSettings } from "../../../contracts/environment.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { Plan } from "../../../contracts/plan.ts";
import type { ObservedState, StateHead } from "../../../contracts/record.ts";
import { readHolds } from "../../../store/holds.ts";
import { pushOutbox } from "../../../store/outbox.ts";
import { dropPullNotes, findPullNote, readPullNotes } from "../../../store/pull-notes.ts";
import { compareRecords } from "../../../store/scripts/compare-records.ts";
import { readHead, readState } from "../../../store/state.ts";
import { findReplaced, type LineageMemory } from "../../apply/lineage-memory.ts";
import { readDriftedTools } from "../../drift/drifted-tools.ts";
import { makePlan, type PlannableSource } from "../../plan/make-plan.ts";
import { addReplay, recordedFor } from "../../replay/replay-plan.ts";
import type { SourceAnswer } from "../../source/source.ts";
import { isTransientReason } from "../../source/unavailable.ts";
import type { PullRequest } from "../github/pulls.ts";
import type { Github } from "../github.ts";
import { type Announcing, announceWhile, mendClosed } from "./announce.ts";

export interface PullRequestPlanning extends Announcing {
  readonly lineages: LineageMemory;
  readonly github: Pick<Github, "listOpenPulls" | "updateComment">;
  /** The deploy branch, `main` or `refs/heads/main`; null or `HEAD`: the repository's default branch. */
  readonly branch: string | null;
  /** Reads and loads the environment's manifests at a ref such as `refs/pull/7/head`. */
  readonly readSource: (ref: string, signal: AbortSignal) => Promise<SourceAnswer>;
  /** The operator's, never what the pull request says; default: what holds where nobody has written any. */
  readonly settings?: EnvironmentSettings;
  /** Whether the head edits `countwheel.yaml`, seen from a commit of the branch; default: nobody looks. */
  readonly editsSettings?: (base: string, head: string, signal: AbortSignal) => Promise<boolean>;
  readonly tool: Plan["tool"];
  readonly newId: () => string;
  readonly say: (line: string) => void;
}

/** Pull request → what its plan was made of: the head that was planned, and the state that it was compared with. */
export type Planned = Map<number, string>;

/** Those into the environment's branch. */
export function listPullRequests({
  github,
  branch,
}: Pick<PullRequestPlanning, "github" | "branch">): Promise<PullRequest[]> {
  return github.listOpenPulls(branch === null || branch === "HEAD" ? null : branch.replace(/^refs\/heads\//, ""));
}

/**
 * Answers what kept one from being planned, which its comment tells as well; null: nothing. A pull request that cannot be
 * read is said; what may pass is tried again.
 */
export async function planPullRequests(
  planning: PullRequestPlanning,
  pulls: readonly PullRequest[],
  planned: Planned,
): Promise<PermanentFailure | null> {
  const open = new Set(pulls.map(({ number }) => number));
  for (const number of planned.keys()) if (!open.has(number)) planned.delete(number);
  await tidyNotes(planning, open);
  const head = await readHead(planning.redis, planning.env);
  // Against a state that nobody believes, every manifest would look new. The reconciler says why it holds.
  if ((await findReplaced(planning.lineages, head)) !== null) return null;
  const known = pulls.map((pull): Due => ({ pull, basis: basisOf(pull.headSha, head) }));
  const due = new Set(known.filter(({ pull, basis }) => planned.get(pull.number) !== basis));
  const waiting = (): PullRequest[] => [...due].map(({ pull }) => pull);
  return await announceWhile(planning, waiting, () => planAll(planning, due, planned));
}

/** Takes each out of `due` once it is planned, or cannot be. */
async function planAll(
  planning: PullRequestPlanning,
  due: Set<Due>,
  planned: Planned,
): Promise<PermanentFailure | null> {
  let failure: PermanentFailure | null = null;
  for (const next of due) {
    if (planning.signal.aborted) break;
    const found = await planOrTell(planning, next, planned);
    failure ??= found;
    due.delete(next);
  }
  return failure;
}

/** Long after a pull request was closed nobody asks any more what it was shown. */
const NOTES_KEPT_MS = 30 * 24 * 60 * 60_000;

async function tidyNotes(planning: PullRequestPlanning, open: ReadonlySet<number>): Promise<void> {
  const { redis, env, now } = planning;
  const closed = [...(await readPullNotes(redis, env))].filter(([number]) => !open.has(number));
  for (const [number, note] of closed) await mendClosed(planning, number, note);
  const outdated = closed.filter(([, { at }]) => now().getTime() - Date.parse(at) > NOTES_KEPT_MS);
  await dropPullNotes(
    redis,
    env,
    outdated.map(([number]) => number),
  );
}

/** An apply in between makes every open plan stale: serial and lineage are part of what a plan is made of. */
function basisOf(headSha: string, head: StateHead | null): string {
  return `${headSha} ${head === null ? "none" : `${head.lineage}/${head.serial}`}`;
}

interface Due {
  readonly pull: PullRequest;
  readonly basis: string;
}

async function planOrTell(planning: PullRequestPlanning, due: Due, planned: Planned): Promise<PermanentFailure | null> {
  try {
    await planPullRequest(planning, due, planned);
    return null;
  } catch (error) {
    if (!(error instanceof PermanentFailure)) throw error;
    await tellFailedOnce(planning, due, planned, error);
    return error;
  }
}

async function planPullRequest(planning: PullRequestPlanning, { pull, basis }: Due, planned: Planned): Promise<void> {
  const { redis, env, say, signal } = planning;
  const source = await planning.readSource(`refs/pull/${pull.number}/head`, signal);
  if (source.status === "unavailable") {
    say(`#${pull.number} is not planned: ${source.reason.message}`);
    if (isTransientReason(source.reason)) return;
    await tellUnplanned(planning, pull, source.reason);
    // What only a new head can mend is not read, and told, at every look.
    planned.set(pull.number, basis);
    return;
  }
  const { plan, observed } = await planAgainstState(planning, source);
  // The branch may have moved since the list was made: the plan tells which head it is of.
  const headSha = source.identity.headSha ?? pull.headSha;
  const edits = (await editsSettings(planning, observed, headSha)) ? ({ editsSettings: true } as const) : {};
  await pushOutbox(redis, env, { kind: "plan", env, pullRequest: pull.number, headSha, plan, ...edits });
  planned.set(pull.number, basisOf(headSha, observed.head));
}

/** What cannot be compared says nothing: the plan is made under the settings of the operator all the same. */
async function editsSettings(
  { editsSettings: ask, signal }: PullRequestPlanning,
  { head }: ObservedState,
  headSha: string,
): Promise<boolean> {
  if (ask === undefined || head?.commit == null) return false;
  try {
    return await ask(head.commit, headSha, signal);
  } catch (error) {
    if (error instanceof PermanentFailure) return false;
    throw error;
  }
}

type Why = Pick<PermanentFailure, "code" | "message">;

/** It is tried again at every look, for nothing in the pull request has to change; the same failure is told once. */
async function tellFailedOnce(
  planning: PullRequestPlanning,
  { pull, basis }: Due,
  planned: Planned,
  { code, message }: Why,
): Promise<void> {
  const told = `${basis} ${code} ${message}`;
  const note = await findPullNote(planning.redis, planning.env, pull.number);
  if (planned.get(pull.number) === told && note?.planning !== pull.headSha) return;
  await tellUnplanned(planning, pull, { code, message });
  planned.set(pull.number, told);
}

async function tellUnplanned({ redis, env }: Announcing, pull: PullRequest, { code, message }: Why): Promise<void> {
  const { number: pullRequest, headSha } = pull;
  await pushOutbox(redis, env, { kind: "unplanned", env, pullRequest, headSha, code, message });
}

async function planAgainstState(
  planning: PullRequestPlanning,
  source: PlannableSource,
): Promise<{ readonly plan: Plan; readonly observed: ObservedState }> {
  const { redis, env, now, newId, tool, signal, settings = defaultSettings(env) } = planning;
  const observed = await readState(redis, env);
  const history = observed.head === null ? "first" : "fast-forward";
  const [{ resources: suspended }, comparison] = [await readHolds(redis, env), await compareRecords(redis, env)];
  const drifted = await readDriftedTools(redis, env, observed);
  const facts = { env, settings, now: now(), planId: newId(), tool };
  const made = makePlan({ source, history, observed, suspended, comparison, drifted, ...facts });
  const recorded = await recordedFor(redis, { env, source, observed, now: facts.now, signal });
  return { plan: addReplay(made, recorded, source), observed };
}
