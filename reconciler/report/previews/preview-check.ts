// The check run of a preview: what runs, what does not and why, and what became of each task. Pure.
import { digestOf } from "../../../contracts/canonical.ts";
import type { PreviewFacts, PreviewTask } from "../../../contracts/preview.ts";
import { codeSpan, prose } from "../../plan/inert.ts";
import { fitLines, OUTPUT_BYTES } from "../byte-budget.ts";
import { type CheckResult, type CheckSubject, checkName } from "../check-run.ts";
import type { Conclusion } from "../github/checks.ts";
import { renderTaskReport, type TaskReport, taskName } from "../render-trace.ts";

export function previewSubject(env: string, { head, pullRequest }: PreviewFacts): CheckSubject {
  return { commit: head, name: checkName("preview", env), key: `countwheel:preview:${env}:${pullRequest}` };
}

/** `goes-on`: the check stays open. */
export type PreviewCheck = { readonly outcome: "goes-on" | "concluded" } & CheckResult;

/** `reports`: of its tasks, as far as they can still be read. */
export function previewCheck(facts: PreviewFacts, reports: readonly TaskReport[]): PreviewCheck {
  const lines = reports.map((report) => renderTaskReport(report, facts.env)).join("\n\n---\n\n");
  return {
    outcome: facts.phase === "running" || facts.phase === "ending" ? "goes-on" : "concluded",
    digest: digestOf({ ...facts }),
    conclusion: conclusionOf(facts),
    title: titleOf(facts),
    summary: renderSummary(facts),
    text: fitLines(
      lines.split("\n"),
      OUTPUT_BYTES,
      (rest) => `… and ${rest} lines more: countwheel trace --env ${facts.env}`,
    ),
    annotations: [],
  };
}

function conclusionOf({ phase, tasks, left }: PreviewFacts): Conclusion {
  switch (phase) {
    case "asking":
      return "action_required";
    case "refused":
    case "starting":
      return "neutral";
    case "running":
    case "ending":
    case "ended":
    case "dropping":
      break;
  }
  if (tasks.some(({ phase: of }) => of === "Cancelled")) return "cancelled";
  if (tasks.some(({ phase: of }) => of !== "Succeeded")) return "failure";
  return left > 0 ? "neutral" : "success";
}

function titleOf(facts: PreviewFacts): string {
  const { phase, tasks, env } = facts;
  switch (phase) {
    case "asking":
      return "Waits for a person's word";
    case "refused":
      return "Not run";
    case "starting":
    case "running":
    case "ending":
      return tasks.some(({ phase: of }) => of === "WaitingApproval" || of === "Unknown")
        ? `Waits for a person, in ${env}`
        : `${count(tasks.length)} at work in ${env}`;
    case "ended":
    case "dropping":
      return `${tasks.filter(({ phase: of }) => of === "Succeeded").length} of ${count(tasks.length)} succeeded${endOf(facts)}`;
  }
}

function endOf({ end, tasks }: PreviewFacts): string {
  if (!tasks.some(({ phase }) => phase === "Cancelled")) return "";
  switch (end) {
    case "closed":
      return ", cancelled: the pull request was closed";
    case "superseded":
      return ", cancelled: a newer head supersedes it";
    case "again":
      return ", cancelled: it runs again";
    case "disabled":
      return ", cancelled: previews were switched off";
    case null:
      return ", cancelled";
  }
}

function count(tasks: number): string {
  return `${tasks} ${tasks === 1 ? "task" : "tasks"}`;
}

function renderSummary(facts: PreviewFacts): string {
  const { env, tasks, remarks, by, endsAt, phase } = facts;
  const head = [
    ...(phase === "asking"
      ? [`Whoever may write to the repository starts it for exactly this head with ${codeSpan("/countwheel preview")}.`]
      : []),
    ...(tasks.length > 0
      ? [
          `Environment ${codeSpan(env)}, under the base's policies, until ${endsAt.slice(0, 16)}Z at most${by === null ? "" : `, by the word of ${codeSpan(by)}`}.`,
        ]
      : []),
    ...(phase === "running"
      ? [`Where nothing begins, no runner takes previews: ${codeSpan("countwheel runner --previews")}.`]
      : []),
  ];
  const said = remarks.map((remark) => `- ${prose(remark)}`);
  const parts = [head, tasks.map(taskLine), said].filter((part) => part.length > 0);
  const lines = parts.flatMap((part, index) => (index === 0 ? part : ["", ...part]));
  return fitLines(lines, OUTPUT_BYTES, (rest) => `… and ${rest} lines more`);
}

/** The head of its trace stands there also when the trace is gone with its environment. */
function taskLine(task: PreviewTask): string {
  const { phase, trace, line } = task;
  if (line !== null) return `- ${line}`;
  return `- ${codeSpan(taskName(task))} · ${phase.toLowerCase()} · trace of ${trace.seq} events, head ${codeSpan(trace.head)}`;
}
