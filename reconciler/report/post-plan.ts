// Posts a plan: its check run on the commit, and the sticky comment where a pull request is known. Safe to repeat.
import type { Plan } from "../../contracts/plan.ts";
import type { NotedCommand } from "../../store/pull-notes.ts";
import { githubLinks } from "../plan/markdown-parts.ts";
import { COMMENT_BYTES, renderPlanMarkdown } from "../plan/render-markdown.ts";
import { concludeCheck, type KnownChecks, type PostedCheck } from "./check-run.ts";
import { planButtons } from "./commands/buttons.ts";
import { COMMANDS_BYTES, replaceCommands } from "./commands/command-lines.ts";
import type { Github } from "./github.ts";
import { planCheck, planCheckSubject } from "./plan-check.ts";
import { verdictOf } from "./plan-verdict.ts";
import { type KnownComment, type PutComment, putStickyComment } from "./sticky-comment.ts";

export interface PlanPost {
  readonly plan: Plan;
  /** null: no comment, as for a merge queue. */
  readonly pullRequest: number | null;
  /** The commit that people see as the pull request's head. */
  readonly head: string;
  readonly base: string | null;
  readonly now: Date;
  readonly tookMs?: number;
  /** Markdown of ours that follows the counts. */
  readonly notes?: string;
  /** What people said there, behind everything else. */
  readonly commands?: readonly NotedCommand[];
  /** Somebody hears who presses the check's buttons. */
  readonly buttons?: boolean;
  /** Its apply waits for a word. */
  readonly gated?: boolean;
}

/** What is known of earlier posts, so that GitHub need not be asked. */
export interface KnownPosts {
  readonly checks: KnownChecks;
  readonly comment: KnownComment | null;
}

const NOTHING_KNOWN: KnownPosts = { checks: "ask", comment: null };

export interface PostedPlan {
  readonly check: PostedCheck;
  readonly comment: PutComment | null;
}

/** The check goes first: its answer also tells in whose name we write. */
export async function postPlan(github: Github, post: PlanPost, known = NOTHING_KNOWN): Promise<PostedPlan> {
  const check = await postPlanCheck(github, post, known.checks);
  return { check, comment: await postPlanComment(github, post, check, known.comment) };
}

export function postPlanCheck(
  github: Github,
  { plan, head, base, now, buttons, gated = false }: PlanPost,
  known: KnownChecks = "ask",
): Promise<PostedCheck> {
  const result = {
    ...planCheck(plan, { base, now }),
    ...(buttons === true ? { buttons: planButtons(plan, gated) } : {}),
  };
  return concludeCheck(github, planCheckSubject(plan.state.env, head), result, known);
}

export async function postPlanComment(
  github: Github,
  post: PlanPost,
  check: PostedCheck,
  known: KnownComment | null = null,
): Promise<PutComment | null> {
  const { plan, pullRequest, head, base, tookMs, notes, commands = [], gated = false } = post;
  if (pullRequest === null) return null;
  const body = renderPlanMarkdown(plan, {
    maxBytes: COMMENT_BYTES - COMMANDS_BYTES,
    linkTo: githubLinks(github.repositoryUrl),
    head,
    base,
    next: nextStep(plan, gated),
    ...(check.via === "check" && check.url !== null ? { fullPlanUrl: check.url } : {}),
    ...(tookMs === undefined ? {} : { tookMs }),
    ...(notes === undefined ? {} : { notes }),
  });
  const author = await authorOf(github, check);
  const sticky = { pull: pullRequest, env: plan.state.env, author };
  return putStickyComment(github, sticky, replaceCommands(body, commands), known);
}

/** An App's token has no account that it may ask for; its checks tell it. Without checks it is the Actions' own. */
export async function authorOf(github: Github, check: PostedCheck): Promise<string> {
  if (check.via === "check") return check.author;
  return (await github.findViewer()) ?? "github-actions[bot]";
}

export function nextStep(plan: Plan, gated = false): string {
  switch (verdictOf(plan)) {
    case "invalid":
      return "Mend the problems above and push again: nothing is applied until the whole set is valid.";
    case "blocked":
      return "Merging applies what is not blocked. Remove the guards in a change of its own first.";
    case "confirm":
      return "Merge, then confirm the exact number of prunes where it is applied: nothing is applied before.";
    case "changes":
      return gated
        ? "Merge, then release it with `/countwheel apply` here: nothing is applied before."
        : "Merge to apply.";
    case "clean":
      return "";
  }
}
