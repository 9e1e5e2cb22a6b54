// Looks at the open pull requests and plans each head that has no plan yet against the state. Posting is the outbox's affair.
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { StateHead } from "../../contracts/record.ts";
import type { Redis } from "../../store/connect.ts";
import { readHolds } from "../../store/holds.ts";
import { pushOutbox } from "../../store/outbox.ts";
import { compareRecords } from "../../store/scripts/compare-records.ts";
import { readHead, readState } from "../../store/state.ts";
import { findReplaced, type LineageMemory } from "../apply/lineage-memory.ts";
import { makePlan } from "../plan/make-plan.ts";
import { addReplay, recordedFor } from "../replay/replay-plan.ts";
import type { SourceAnswer } from "../source/source.ts";
import { isTransientReason } from "../source/unavailable.ts";
import type { Github, PullRequest } from "./github.ts";

export interface PullRequestPlanning {
  readonly redis: Redis;
  readonly env: string;
  readonly lineages: LineageMemory;
  readonly github: Pick<Github, "listOpenPulls">;
  /** The deploy branch, `main` or `refs/heads/main`; null or `HEAD`: the repository's default branch. */
  readonly branch: string | null;
  /** Reads and loads the environment's manifests at a ref such as `refs/pull/7/head`. */
  readonly readSource: (ref: string, signal: AbortSignal) => Promise<SourceAnswer>;
  /** The operator's, never what the pull request says; default: what holds where nobody has written any. */
  readonly settings?: EnvironmentSettings;
  readonly tool: Plan["tool"];
  readonly now: () => Date;
  readonly newId: () => string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Pull request → what its plan was made of: the head that was planned, and the state that it was compared with. */
export type Planned = Map<number, string>;

/** Answers how many were planned. A pull request that cannot be read is said; what may pass is tried again. */
export async function planPullRequests(planning: PullRequestPlanning, planned: Planned): Promise<number> {
  const branch = planning.branch === "HEAD" ? null : planning.branch;
  const pulls = await planning.github.listOpenPulls(branch?.replace(/^refs\/heads\//, "") ?? null);
  const open = new Set(pulls.map(({ number }) => number));
  for (const number of planned.keys()) if (!open.has(number)) planned.delete(number);
  const head = await readHead(planning.redis, planning.env);
  // Against a state that nobody believes, every manifest would look new. The reconciler says why it holds.
  if ((await findReplaced(planning.lineages, head)) !== null) return 0;
  const known = pulls.map((pull): Due => ({ pull, basis: basisOf(pull.headSha, head) }));
  let count = 0;
  for (const due of known.filter(({ pull, basis }) => planned.get(pull.number) !== basis)) {
    if (planning.signal.aborted) break;
    if (await planPullRequest(planning, due, planned)) count += 1;
  }
  return count;
}

/** An apply in between makes every open plan stale: serial and lineage are part of what a plan is made of. */
function basisOf(headSha: string, head: StateHead | null): string {
  return `${headSha} ${head === null ? "none" : `${head.lineage}/${head.serial}`}`;
}

interface Due {
  readonly pull: PullRequest;
  readonly basis: string;
}

async function planPullRequest(planning: PullRequestPlanning, due: Due, planned: Planned): Promise<boolean> {
  const { pull, basis } = due;
  const { redis, env, say, signal } = planning;
  const source = await planning.readSource(`refs/pull/${pull.number}/head`, signal);
  if (source.status === "unavailable") {
    say(`#${pull.number} is not planned: ${source.reason.message}`);
    // What only a new head can mend is not read, and told, at every look.
    if (!isTransientReason(source.reason)) planned.set(pull.number, basis);
    return false;
  }
  const observed = await readState(redis, env);
  const history = observed.head === null ? "first" : "fast-forward";
  const { now, newId, tool, settings = defaultSettings(env) } = planning;
  const [{ resources: suspended }, comparison] = [await readHolds(redis, env), await compareRecords(redis, env)];
  const facts = { env, settings, now: now(), planId: newId(), tool };
  const made = makePlan({ source, history, observed, suspended, comparison, ...facts });
  const plan = addReplay(made, await recordedFor(redis, { env, source, observed, now: facts.now, signal }), source);
  // The branch may have moved since the list was made: the plan tells which head it is of.
  const headSha = source.identity.headSha ?? pull.headSha;
  await pushOutbox(redis, env, { kind: "plan", env, pullRequest: pull.number, headSha, plan });
  planned.set(pull.number, basisOf(headSha, observed.head));
  return true;
}
