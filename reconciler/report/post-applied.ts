// Posts an apply: the pull request's comment turns into its record and lists the tasks that the commit started.
import type { Plan } from "../../contracts/plan.ts";
import { countsLine } from "../../contracts/plan.ts";
import { codeSpan } from "../plan/inert.ts";
import { githubLinks } from "../plan/markdown-parts.ts";
import { COMMENT_BYTES, renderPlanMarkdown } from "../plan/render-markdown.ts";
import { fitLines } from "./byte-budget.ts";
import { type CheckResult, checkName, concludeCheck } from "./check-run.ts";
import type { Github } from "./github.ts";
import { authorOf } from "./post-plan.ts";
import { durationText, renderAnswers, renderTaskLine, type TaskReport } from "./render-trace.ts";
import { putStickyComment } from "./sticky-comment.ts";

export interface AppliedPost {
  readonly plan: Plan;
  readonly commit: string;
  readonly serial: number;
  /** null: the state's history does not reach back so far. */
  readonly appliedAt: string | null;
  readonly tookMs: number;
  /** Oldest first. */
  readonly tasks: readonly TaskReport[];
  /** How many more there are before these. */
  readonly olderTasks: number;
}

/** Answers the pull requests whose comment it is now: those that the commit merged. */
export async function postApplied(github: Github, post: AppliedPost): Promise<readonly number[]> {
  const { env } = post.plan.state;
  const subject = { commit: post.commit, name: checkName("apply", env), key: `countwheel:apply:${env}` };
  const check = await concludeCheck(github, subject, appliedCheck(github, post));
  const pulls = (await github.listPullsOf(post.commit)).filter(({ merged }) => merged);
  if (pulls.length === 0) return [];
  const author = await authorOf(github, check);
  const body = renderApplied(github, post, COMMENT_BYTES);
  for (const { number } of pulls) await putStickyComment(github, { pull: number, env, author }, body);
  return pulls.map(({ number }) => number);
}

function appliedCheck(github: Github, post: AppliedPost): CheckResult {
  return {
    digest: post.plan.digest,
    conclusion: "success",
    title: `Applied as #${post.serial}. ${countsLine(post.plan.counts)}`,
    summary: renderApplied(github, post, 60_000),
    text: "",
    annotations: [],
  };
}

function renderApplied(github: Github, post: AppliedPost, maxBytes: number): string {
  const { plan, commit, serial, appliedAt, tookMs } = post;
  const at = appliedAt === null ? "" : ` at ${appliedAt.slice(11, 16)} UTC on ${appliedAt.slice(0, 10)}`;
  const heading = `✅ Applied to ${codeSpan(plan.state.env)} as #${serial}${at}, ${durationText(tookMs)}`;
  return renderPlanMarkdown(plan, {
    linkTo: githubLinks(github.repositoryUrl),
    maxBytes,
    state: "applied",
    head: commit,
    base: null,
    heading,
    notes: renderTasks(post),
  });
}

function taskLines(report: TaskReport): string[] {
  return [`- ${renderTaskLine(report)}`, ...renderAnswers(report)];
}

const TASKS_BYTES = 16_000;

function renderTasks({ tasks, olderTasks }: AppliedPost): string {
  if (tasks.length === 0) return "";
  const older = olderTasks === 0 ? [] : [`- ${olderTasks} older ones`];
  const lines = ["**Tasks**", "", ...older, ...tasks.flatMap(taskLines)];
  return fitLines(lines, TASKS_BYTES, (rest) => `- and ${rest} more`);
}
