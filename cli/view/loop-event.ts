// What the reconcile loop says, as lines for people: used by `reconcile`, `up` and the demo.

import { displayAddress } from "../../contracts/address.ts";
import { type DriftReport, driftCountLine } from "../../contracts/drift.ts";
import { renderDuration } from "../../contracts/duration.ts";
import { countsLine } from "../../contracts/plan.ts";
import type { Problem } from "../../contracts/problem.ts";
import { replacedText } from "../../reconciler/apply/lineage-memory.ts";
import { confirmHoldText } from "../../reconciler/holds/confirm.ts";
import { historyHoldText } from "../../reconciler/holds/history.ts";
import { isPeoplesHold, peoplesHoldText } from "../../reconciler/holds/people.ts";
import type { LoopEvent } from "../../reconciler/loop.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import { renderProblem, type ShowFile } from "../../reconciler/plan/render-problem.ts";
import type { Hold, TickOutcome } from "../../reconciler/tick.ts";
import { envWords } from "../env-words.ts";
import type { Paint } from "../output.ts";
import { renderTriggerEvent } from "./trigger-event.ts";

export function renderLoopEvent(event: LoopEvent, paint: Paint, showFile: ShowFile): string[] {
  switch (event.type) {
    case "planned": {
      const subject = event.commit === null ? "" : ` "${shorten(oneLine(event.commit.subject), 60)}"`;
      return [`planned ${headOf(event.plan.source.headSha)}${subject}: ${countsLine(event.plan.counts)}`];
    }
    case "ended":
      return renderResult(event.result, paint, showFile);
    case "drift":
      return renderDriftEvent(event.report, paint);
    case "drift-unknown":
      return [`${paint("yellow", "drift is not known")}: ${event.code}: ${oneLine(event.message)}`];
    case "leading":
      return [`${paint("green", "leading")} environment ${event.env}`];
    case "standing-by":
      return [`standing by for environment ${event.env}, behind ${oneLine(event.behind)}`];
    case "schedule-fired":
    case "schedule-missed":
    case "webhook-accepted":
    case "webhook-broken":
      return [renderTriggerEvent(event, paint)];
    case "failed": {
      const next = event.retryInMs === null ? "waiting for a change" : `again in ${renderDuration(event.retryInMs)}`;
      return [`${paint("red", event.code)}: ${event.message} (${next})`];
    }
  }
}

const DRIFT_SHOWN = 5;

function renderDriftEvent(report: DriftReport, paint: Paint): string[] {
  const { items, env } = report;
  const names = items.slice(0, DRIFT_SHOWN).map((change) => `${displayAddress(change)} (${change.drift.code})`);
  const more = items.length > DRIFT_SHOWN ? [`and ${items.length - DRIFT_SHOWN} more`] : [];
  const see = items.length === 0 ? [] : [`  see: countwheel drift${envWords(env)}`];
  const line = driftCountLine(report).replace(/\.$/, "");
  return [
    `${paint("yellow", line)}${items.length === 0 ? " any more" : `: ${[...names, ...more].join(", ")}`}`,
    ...see,
  ];
}

function headOf(sha: string | null): string {
  return sha === null ? "the working tree" : sha.slice(0, 7);
}

function renderResult(result: TickOutcome, paint: Paint, showFile: ShowFile): string[] {
  switch (result.outcome) {
    case "applied": {
      const { serial, tookMs, tasks } = result;
      const head = `${paint("green", "applied")} as #${serial}, ${renderDuration(tookMs)}`;
      return [head, ...tasks.map(({ name }) => `task ${name} was made: countwheel trace ${name} -f`)];
    }
    case "unchanged": {
      const { plan, tasks } = result;
      const made = tasks.map(({ name }) => `task ${name} was made: countwheel trace ${name} -f`);
      return [`${headOf(plan.source.headSha)} is applied, nothing to do`, ...made];
    }
    case "unavailable":
      return [`${paint("red", result.reason.code)}: ${result.reason.message}. Nothing was changed.`];
    case "invalid":
      return [
        ...renderErrors(result.problems, paint, showFile),
        `${paint("red", "invalid")}: nothing was changed and nothing pruned`,
      ];
    case "held":
      return [`${paint("yellow", "held")}: ${holdText(result.hold)}`];
    case "would-apply":
      return [`a dry run: this would be applied to #${result.plan.state.serial}, and nothing was written`];
    case "overtaken":
      return ["another writer was faster: the plan no longer fits"];
    case "locked":
      return [`waiting: ${result.holder} is applying`];
  }
}

const PROBLEMS_SHOWN = 20;

function renderErrors(problems: readonly Problem[], paint: Paint, showFile: ShowFile): string[] {
  const errors = problems.filter(({ severity }) => severity === "error");
  const lines = errors.slice(0, PROBLEMS_SHOWN).map((problem) => renderProblem(problem, paint, showFile));
  return errors.length > PROBLEMS_SHOWN ? [...lines, `and ${errors.length - PROBLEMS_SHOWN} more`] : lines;
}

function holdText(hold: Hold): string {
  if (isPeoplesHold(hold)) return oneLine(peoplesHoldText(hold));
  if (hold.why === "lineage") {
    return `${replacedText(hold)} Nothing was changed. If this is meant, start again with --accept-new-state.`;
  }
  if (hold.why === "confirm") {
    return `${oneLine(confirmHoldText(hold))}: by hand with \`countwheel apply\`, or start again with it. Nothing was changed.`;
  }
  if (hold.why === "unshown") return `${hold.message}. Nothing was changed.`;
  if (hold.why === "blocked") return `every change is blocked: ${oneLine(hold.message)}`;
  if (hold.why === "gate") return `${oneLine(hold.message)}. Nothing was changed.`;
  return hold.why === "signature" ? `${oneLine(hold.message)}. Nothing was changed.` : historyHoldText(hold);
}
