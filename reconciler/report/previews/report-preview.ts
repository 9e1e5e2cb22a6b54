// Posts a preview as a check run on its head: open while it runs, concluded with what its tasks did.
import type { PreviewFacts } from "../../../contracts/preview.ts";
import type { Redis } from "../../../store/connect.ts";
import { concludeCheck, showProgress } from "../check-run.ts";
import type { Github } from "../github.ts";
import { readTaskReport } from "../read-task-report.ts";
import type { TaskReport } from "../render-trace.ts";
import { previewCheck, previewSubject } from "./preview-check.ts";

export interface PreviewReport {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Github;
}

export async function reportPreview({ redis, env, github }: PreviewReport, facts: PreviewFacts): Promise<void> {
  const reports: TaskReport[] = [];
  // While it goes on there is little to see, and of one that is taken down the environment may be another preview's by now.
  if (facts.phase === "ended")
    for (const { namespace, name } of facts.tasks) {
      const report = await readTaskReport(redis, { env: facts.env, namespace, name });
      if (report !== undefined) reports.push(report);
    }
  const { outcome, ...result } = previewCheck(facts, reports);
  const subject = previewSubject(env, facts);
  if (outcome === "goes-on") await showProgress(github, subject, result);
  else await concludeCheck(github, subject, result);
}
