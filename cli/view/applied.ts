// Says what an apply did, and the one command to run next.
import { renderDuration } from "../../contracts/duration.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { TaskRef } from "../../contracts/task.ts";

import type { ApplyOutcome } from "../../reconciler/apply/apply-plan.ts";
import { renderPlanMarkdown } from "../../reconciler/plan/render-markdown.ts";
import { envWords } from "../env-words.ts";
import type { Host, OutputFormat } from "../host.ts";
import { paintFor, printJson, say } from "../output.ts";

export interface AppliedView {
  readonly plan: Plan;
  readonly outcome:
    | Extract<ApplyOutcome, { readonly outcome: "applied" }>
    | { readonly outcome: "unchanged"; readonly tasks: readonly TaskRef[] };
}

export function printApplied(host: Host, output: OutputFormat, { plan, outcome }: AppliedView): void {
  if (output === "json") {
    const { planId, digest, counts, source, state } = plan;
    printJson(host, { formatVersion: "1", env: state.env, planId, planDigest: digest, counts, source, ...outcome });
  } else if (output === "markdown") {
    const heading = outcome.outcome === "applied" ? { heading: headingOf(outcome) } : {};
    host.stdout.write(
      renderPlanMarkdown(plan, { head: plan.source.headSha, base: null, state: "applied", ...heading }),
    );
  } else if (outcome.outcome === "applied") {
    const { serial, tookMs } = outcome;
    const paint = paintFor(host.stdout, host.config.color);
    host.stdout.write(
      `${paint("green", "Applied")} to environment ${plan.state.env} as #${serial}, ${renderDuration(tookMs)}.\n`,
    );
  }
  if (output === "text") for (const { name } of outcome.tasks) host.stdout.write(`Task ${name} was made.\n`);
  say(host, `Next: ${nextCommand(plan, outcome.tasks)}`);
}

function headingOf({ serial, tookMs }: { readonly serial: number; readonly tookMs: number }): string {
  return `✅ Applied as #${serial}, ${renderDuration(tookMs)}`;
}

function nextCommand({ state: { env } }: Plan, [task]: readonly TaskRef[]): string {
  const flag = envWords(env);
  return task === undefined ? `countwheel get agentsystems${flag}` : `countwheel trace ${task.name} -f${flag}`;
}
