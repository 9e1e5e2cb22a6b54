// The drift of an environment, on a schedule or a click: looked for at the tip of the deploy branch, told in one issue, or in
// the step's summary alone where the token may open none.
import { type DriftReport, driftCountLine } from "../../contracts/drift.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { findHost } from "../../reconciler/drift/find-host.ts";
import { lookForDrift, worldProbes } from "../../reconciler/drift/look.ts";
import { makePlan } from "../../reconciler/plan/make-plan.ts";
import { renderDrift } from "../../reconciler/report/drift/drift-text.ts";
import { tellDrift } from "../../reconciler/report/drift/tell-drift.ts";
import type { Redis } from "../../store/connect.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { ActionContext } from "./action-context.ts";
import { SUMMARY_BYTES } from "./job.ts";
import { readTipSettings, type TipSettings } from "./settings.ts";
import { onlyAt, tipRepository, tipSource } from "./tip-source.ts";

export async function runDrift(action: ActionContext, branch: string): Promise<ExitCode> {
  const tip = await readTipSettings(action, tipRepository(action), branch);
  if (tip.outcome === "invalid") {
    await action.job.setOutputs({ verdict: "invalid", changed: false });
    return EXIT.invalid;
  }
  return await action.withRedis(async (redis) => {
    const report = await findDriftAt(action, redis, branch, tip);
    await tellJob(action, report);
    await tellIssue(action, redis, report);
    return EXIT.ok;
  });
}

async function findDriftAt(
  action: ActionContext,
  redis: Redis,
  branch: string,
  { settings, sha }: Extract<TipSettings, { outcome: "read" }>,
): Promise<DriftReport> {
  const { inputs, now, newId, tool, signal } = action;
  const env = inputs.environment;
  const source = await onlyAt(tipSource(action, settings, branch), sha).read(signal);
  if (source.status === "unavailable") throw new PermanentFailure(source.reason.code, source.reason.message);
  const plan = async (observed: ObservedState): Promise<Plan> =>
    makePlan({ source, observed, env, settings, history: "fast-forward", now: now(), planId: newId(), tool });
  const look = { redis, env, ignore: settings.drift.ignore, probes: worldProbes(redis, env, findHost), plan, signal };
  return (await lookForDrift(look, source)).report;
}

async function tellJob({ job }: ActionContext, report: DriftReport): Promise<void> {
  const { items, counts } = report;
  const verdict = items.length === 0 ? "clean" : "drift";
  await job.setOutputs({ verdict, changed: items.length > 0, drift: counts.record + counts.world + counts.undeclared });
  await job.summarize(renderDrift(report, SUMMARY_BYTES));
  const lines = items.map(({ address, reason }) => `${address}   ${reason}`);
  job.print([`${verdict}: ${driftCountLine(report)}`, ...lines].join("\n"));
}

/** Drift is told, and fails no job: a red one every night would be told twice. */
async function tellIssue(action: ActionContext, redis: Redis, report: DriftReport): Promise<void> {
  const { github, inputs, job, newId } = action;
  if (github === null) return job.notice("no github-token: the drift is in the step's summary alone");
  try {
    const holder = `github-action ${newId()}`;
    const told = await tellDrift({ redis, env: inputs.environment, github, holder }, report);
    if (told.outcome === "busy") return job.notice(`${told.holder} tells of this drift just now`);
    await job.setOutputs({ "issue-number": told.number ?? "" });
  } catch (error) {
    const refused = error instanceof PermanentFailure && ["GITHUB_FORBIDDEN", "GITHUB_NOT_FOUND"].includes(error.code);
    if (!refused) throw error;
    job.notice("no issue: the token lacks `issues: write`, or the repository has none; the drift is in the summary");
  }
}
