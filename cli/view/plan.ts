// Prints a plan in the form that was asked for, and problems with the plan's text.
import type { Plan } from "../../contracts/plan.ts";
import type { ShowFile } from "../../reconciler/plan/render-problem.ts";
import type { CommitInfo } from "../../reconciler/source/source.ts";
import type { Host, OutputFormat } from "../host.ts";
import { paintFor, printJson } from "../output.ts";

export interface ShownPlan {
  readonly plan: Plan;
  readonly commit: CommitInfo | null;
  /** What it is compared with: the commit that was applied last, or that of `--against`. */
  readonly base: string | null;
  readonly showFile: ShowFile;
}

/** What renders is imported only for its format: as JSON a plan is printed as it is. */
export async function printPlan(host: Host, output: OutputFormat, shown: ShownPlan): Promise<void> {
  const { plan, commit, base, showFile } = shown;
  if (output === "json") printJson(host, plan);
  else if (output === "markdown") {
    const { renderPlanMarkdown } = await import("../../reconciler/plan/render-markdown.ts");
    host.stdout.write(renderPlanMarkdown(plan, { head: plan.source.headSha, base }));
  } else {
    const { renderPlanText } = await import("../../reconciler/plan/render-text.ts");
    const paint = paintFor(host.stdout, host.config.color);
    host.stdout.write(renderPlanText(plan, { paint, commit, base, now: host.now(), showFile }));
  }
}
