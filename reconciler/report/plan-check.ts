// The check run of a plan: its verdict and everything that takes something away in the summary, the whole plan in the text.
import { displayAddress } from "../../contracts/address.ts";
import { type Change, countsLine, type Plan } from "../../contracts/plan.ts";
import type { Problem } from "../../contracts/problem.ts";
import { confirmHoldText } from "../holds/confirm.ts";
import { effectsOf } from "../plan/effects.ts";
import { codeSpan, prose } from "../plan/inert.ts";
import { privileged, privilegedText, rewired } from "../plan/markdown-parts.ts";
import { renderPlanText } from "../plan/render-text.ts";
import { ANNOTATION_LIMITS, annotatePlan, countAnnotations } from "./annotations.ts";
import { fitFence, fitLines, OUTPUT_BYTES } from "./byte-budget.ts";
import { type CheckResult, type CheckSubject, checkName } from "./check-run.ts";
import { conclusionOf, titleOf, verdictOf } from "./plan-verdict.ts";

export interface PlanMoment {
  /** The commit that was applied last, or that the plan is made against. */
  readonly base: string | null;
  readonly now: Date;
}

export function planCheckSubject(env: string, commit: string): CheckSubject {
  return { commit, name: checkName("plan", env), key: `countwheel:plan:${env}` };
}

export function planCheck(plan: Plan, moment: PlanMoment): CheckResult {
  return {
    digest: plan.digest,
    conclusion: conclusionOf(verdictOf(plan)),
    title: titleOf(plan),
    summary: renderSummary(plan),
    text: renderText(plan, moment),
    annotations: annotatePlan(plan),
  };
}

function renderSummary(plan: Plan): string {
  const blocked = plan.changes.filter((change) => change.blocked !== undefined);
  const pruned = plan.changes.filter(({ action, blocked: guard }) => action === "prune" && guard === undefined);
  const left = countAnnotations(plan) - ANNOTATION_LIMITS.total;
  const head = [
    `**${countsLine(plan.counts)}**`,
    "",
    `Environment ${codeSpan(plan.state.env)} · serial ${plan.state.serial} · plan ${codeSpan(plan.digest)}`,
    ...(left > 0 ? ["", `${left} of its lines bear no annotation: GitHub takes only so many at a time.`] : []),
  ];
  const items = [
    ...section("Waits for a confirmation", plan.confirm === null ? [] : [`- ${prose(confirmHoldText(plan.confirm))}`]),
    ...section("Blocked", blocked.map(renderBlocked)),
    ...section("Pruned", pruned.map(renderPrune)),
    ...section(
      "Privileged",
      privileged(plan).map((change) => `- ${codeSpan(displayAddress(change))} ${privilegedText(change)}`),
    ),
    ...section(
      "Reach",
      rewired(plan).map((change) => `- ${codeSpan(displayAddress(change))}: ${prose(effectsOf(change).join("; "))}`),
    ),
    ...section(
      "Hints",
      plan.hints.map(({ message }) => `- ${prose(message)}`),
    ),
    ...section("Problems", plan.problems.map(renderProblem)),
  ];
  return fitLines(
    [...head, ...items],
    OUTPUT_BYTES,
    (rest) => `… and ${rest} lines more, all in the JSON of the plan.`,
  );
}

function section(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : ["", `**${title}**`, "", ...items];
}

function renderBlocked(change: Change): string {
  return `- ${codeSpan(displayAddress(change))}: ${prose(change.blocked?.message ?? "")}`;
}

function renderPrune(change: Change): string {
  return `- ${codeSpan(displayAddress(change))}, was ${codeSpan(`${change.source.file}:${change.source.line}`)}`;
}

function renderProblem({ file, line, column, code, severity, summary, detail }: Problem): string {
  const label = severity === "error" ? `**${code}**` : `warning ${code}`;
  return `- ${codeSpan(`${file}:${line}:${column}`)} ${label}: ${prose(summary)}${detail === "" ? "" : ` ${prose(detail)}`}`;
}

/** The plan as in a terminal. */
function renderText(plan: Plan, { base, now }: PlanMoment): string {
  const text = renderPlanText(plan, { paint: (_style, plain) => plain, commit: null, base, now });
  const lines = text.trimEnd().split("\n");
  return fitFence(lines, OUTPUT_BYTES, (rest) => `… and ${rest} lines more.\n${countsLine(plan.counts)}`);
}
