// The apply of a push: one tick on the tip of the deploy branch, then everything that waits to be told on GitHub.
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { countsLine, type Plan } from "../../contracts/plan.ts";
import { processLineageMemory, replacedText } from "../../reconciler/apply/lineage-memory.ts";
import { historyHoldText } from "../../reconciler/holds/history.ts";
import { isPeoplesHold, peoplesHoldText } from "../../reconciler/holds/people.ts";
import type { LoopSource } from "../../reconciler/loop.ts";
import { codeSpan } from "../../reconciler/plan/inert.ts";
import { githubLinks } from "../../reconciler/plan/markdown-parts.ts";
import { renderPlanMarkdown } from "../../reconciler/plan/render-markdown.ts";
import { renderPlanText } from "../../reconciler/plan/render-text.ts";
import { reportPending } from "../../reconciler/report/report-pending.ts";
import { type TickOutcome, tickUntilDone } from "../../reconciler/tick.ts";
import type { Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { ActionContext } from "./action-context.ts";
import { SUMMARY_BYTES } from "./job.ts";
import { planOutputs, type Verdict } from "./outcome.ts";
import { readTipSettings } from "./settings.ts";
import { onlyAt, tipRepository, tipSource } from "./tip-source.ts";

/** Another push's apply takes seconds. */
const LOCK_WAIT_MS = 60_000;

export async function runApply(action: ActionContext, branch: string): Promise<ExitCode> {
  return action.withRedis(async (redis) => {
    const outcome = await applyTip(action, redis, branch);
    if (outcome === "settings-invalid") {
      await action.job.setOutputs({ verdict: "invalid", changed: false });
      return EXIT.invalid;
    }
    const code = await tellOutcome(action, outcome);
    await drainOutbox(action, redis);
    return code;
  });
}

/** The branch moves under a job now and then, hardly ever twice within a second. */
const TRIES = 3;

/**
 * The tip as GitHub has it, not the commit that was pushed: of several pushes the workflow may drop all but one, and the
 * one that runs last must not bring back an older commit. So it is read from GitHub, not from the checkout.
 */
async function applyTip(
  action: ActionContext,
  redis: Redis,
  branch: string,
): Promise<TickOutcome | "settings-invalid"> {
  for (let tries = 1; ; tries += 1) {
    const tip = await readTipSettings(action, tipRepository(action), branch);
    if (tip.outcome === "invalid") return "settings-invalid";
    const source = tipSource(action, tip.settings, branch);
    const read = await source.read(action.signal);
    const isSame = read.status === "unavailable" || read.identity.headSha === tip.sha;
    if (isSame || tries === TRIES) return await applyUnder(action, redis, { ...tip, source });
  }
}

interface Tip {
  readonly settings: EnvironmentSettings;
  readonly sha: string;
  readonly source: LoopSource;
}

async function applyUnder(action: ActionContext, redis: Redis, { settings, sha, source }: Tip): Promise<TickOutcome> {
  const { inputs, tool, now, newId, signal } = action;
  const queue = openQueue(redis, inputs.environment);
  const writer = {
    redis,
    queue,
    env: inputs.environment,
    holder: `github-action ${newId()}`,
    lockWaitMs: LOCK_WAIT_MS,
    newLineage: newId,
    // A job starts on a machine that remembers nothing: here the state is always believed.
    lineages: processLineageMemory(),
    now,
    signal,
    reports: action.github !== null,
  };
  const { actor } = action.inputs;
  const person = actor === undefined ? {} : { person: actor };
  const care = { source: onlyAt(source, sha), settings };
  try {
    return await tickUntilDone({
      ...care,
      writer,
      tool,
      newId,
      allowHistory: [],
      onPlan: () => undefined,
      signal,
      ...person,
    });
  } finally {
    await queue.close();
  }
}

async function tellOutcome(action: ActionContext, outcome: TickOutcome): Promise<ExitCode> {
  const { job, inputs } = action;
  const env = codeSpan(inputs.environment);
  switch (outcome.outcome) {
    case "unavailable":
      throw new PermanentFailure(outcome.reason.code, outcome.reason.message);
    case "invalid":
      return tell(action, outcome.plan, {
        verdict: "invalid",
        heading: `❌ Not applied to ${env}: manifests are invalid`,
        code: EXIT.invalid,
      });
    case "held":
      job.error(heldMessage(outcome.hold));
      return tell(action, outcome.plan, {
        verdict: "held",
        heading: `⛔ Not applied to ${env}: held`,
        code: EXIT.blocked,
      });
    case "unchanged":
    case "would-apply":
      return tell(action, outcome.plan, { verdict: "clean", heading: `✅ Nothing to apply to ${env}`, code: EXIT.ok });
    case "applied":
      return tellApplied(action, outcome);
    case "overtaken":
      job.error("somebody else changed the state meanwhile, again and again; run this job again");
      return tell(action, outcome.plan, {
        verdict: "stale",
        heading: `⛔ Not applied to ${env}: overtaken`,
        code: EXIT.stale,
      });
    case "locked":
      job.error(`another writer, ${outcome.holder}, holds the state; run this job again`);
      return tell(action, outcome.plan, {
        verdict: "stale",
        heading: `⛔ Not applied to ${env}: locked`,
        code: EXIT.stale,
      });
  }
}

function tellApplied(action: ActionContext, applied: Extract<TickOutcome, { outcome: "applied" }>): Promise<ExitCode> {
  const { plan, serial, tookMs } = applied;
  const blocked = plan.counts.blocked > 0;
  const heading = `✅ Applied to ${codeSpan(plan.state.env)} as #${serial}, ${(tookMs / 1_000).toFixed(1)} s`;
  if (blocked) action.job.error(`a guard blocks ${plan.counts.blocked} of the changes; the others are applied`);
  return tell(action, plan, {
    verdict: blocked ? "blocked" : "applied",
    heading,
    code: blocked ? EXIT.blocked : EXIT.ok,
    serial,
  });
}

function heldMessage(hold: Extract<TickOutcome, { outcome: "held" }>["hold"]): string {
  if (isPeoplesHold(hold)) return peoplesHoldText(hold);
  if (hold.why === "lineage") return replacedText(hold);
  if (hold.why === "confirm")
    return `${hold.because}. If this is meant, apply it by hand with --confirm-prunes ${hold.prunes}.`;
  if (hold.why === "blocked") return `every change is blocked: ${hold.message}`;
  if (hold.why === "gate")
    return "an environment with `gate: person` is released by hand, with `countwheel apply`, or on the page of a reconciler. In a workflow, leave the gate out and name an environment with required reviewers in the job.";
  if (hold.why === "signature" || hold.why === "unshown") return hold.message;
  return historyHoldText(hold);
}

interface Told {
  readonly verdict: Verdict;
  /** Markdown of ours. */
  readonly heading: string;
  readonly code: ExitCode;
  readonly serial?: number;
}

async function tell(action: ActionContext, plan: Plan, { verdict, heading, code, serial }: Told): Promise<ExitCode> {
  const { job, now, repositoryUrl } = action;
  await job.setOutputs({ ...planOutputs(plan, verdict), ...(serial === undefined ? {} : { serial }) });
  const head = plan.source.headSha;
  const linkTo = githubLinks(repositoryUrl);
  await job.summarize(renderPlanMarkdown(plan, { maxBytes: SUMMARY_BYTES, head, base: null, heading, linkTo }));
  const text = renderPlanText(plan, { paint: (_style, plain) => plain, commit: null, base: null, now: now() });
  job.print(`${verdict}: ${countsLine(plan.counts)}\n\n${text}`);
  return code;
}

/** What cannot be told now stays in the outbox: the next run, or a reconciler, tells it. The apply stands. */
async function drainOutbox(action: ActionContext, redis: Redis): Promise<void> {
  const { github, inputs, job, now, signal } = action;
  if (github === null) return job.notice("no github-token: the pull request is not told of this apply");
  const say = (line: string): void => job.notice(line);
  const drained = await reportPending({ redis, env: inputs.environment, github, now, say, signal });
  if (drained.outcome === "later") job.notice(`GitHub is told later: ${drained.failure.message}`);
}
