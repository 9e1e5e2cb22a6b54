// Posts what a task did as a check run on the commit that asked for it: summary, agents, graph, the head of its trace.
import { hasEnded, type TaskPhase, type TaskRecord } from "../../contracts/task.ts";
import { fitLines, OUTPUT_BYTES } from "./byte-budget.ts";
import { type CheckResult, checkName, concludeCheck } from "./check-run.ts";
import type { Conclusion } from "./github/checks.ts";
import type { Github } from "./github.ts";
import { phaseText, renderTaskLine, renderTaskReport, type TaskReport, taskName } from "./render-trace.ts";

/** Posts nothing for a task that no commit asked for, or that goes on: its end brings another entry. */
export async function postTask(github: Github, env: string, report: TaskReport): Promise<"posted" | "skipped"> {
  const { task } = report;
  const commit = task.source?.commit ?? null;
  if (commit === null || !isTold(task.phase)) return "skipped";
  const name = checkName(taskName(task), env);
  const key = `countwheel:task:${env}:${task.namespace}/${task.name}`;
  await concludeCheck(github, { commit, name, key }, taskCheck(report));
  return "posted";
}

/** Ended, or waiting for a person, who has to hear of it. */
function isTold(phase: TaskPhase): boolean {
  return hasEnded(phase) || phase === "Unknown" || phase === "WaitingApproval";
}

function taskCheck(report: TaskReport): CheckResult {
  const { task, summary, chain } = report;
  const text = renderTaskReport(report);
  return {
    digest: `${task.trace.head}:${task.phase}`,
    conclusion: chain.outcome === "intact" ? conclusionOf(task) : "failure",
    title: `${phaseText(task, summary)}${chain.outcome === "intact" ? "" : ", its trace is broken"}`,
    summary: renderTaskLine(report),
    text: fitLines(text.split("\n"), OUTPUT_BYTES, (rest) => `… and ${rest} lines more: countwheel trace ${task.name}`),
    annotations: [],
  };
}

function conclusionOf({ phase }: TaskRecord): Conclusion {
  switch (phase) {
    case "Succeeded":
      return "success";
    case "Failed":
    case "DeadLetter":
      return "failure";
    case "Cancelled":
      return "cancelled";
    case "Unknown":
    case "WaitingApproval":
      return "action_required";
    case "Pending":
    case "Running":
      return "neutral";
  }
}
