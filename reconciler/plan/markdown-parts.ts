// The parts of a plan in Markdown: heading, counts, blocked and pruned, table, access, problems, footer.
import { displayAddress } from "../../contracts/address.ts";
import { shortDigest } from "../../contracts/canonical.ts";
import { type Change, countsLine, type Plan } from "../../contracts/plan.ts";
import { isPolicyKind } from "../../contracts/policy-digest.ts";
import { hasErrors, type Place, type Problem } from "../../contracts/problem.ts";
import { confirmHoldText } from "../holds/confirm.ts";
import { renderMarker } from "../report/marker.ts";
import { widening, wideningText } from "./access-part.ts";
import { effectsOf } from "./effects.ts";
import { fieldName } from "./field-text.ts";
import { codeSpan, markerValue, prose, shorten, tableCell } from "./inert.ts";
import { CHANGE_SIGNS } from "./markdown-diff.ts";
import type { MarkdownOptions } from "./render-markdown.ts";

export function markerLine({ source, state, digest }: Plan, options: MarkdownOptions): string {
  return renderMarker({
    env: markerValue(state.env),
    head: source.headSha ?? "-",
    base: options.base ?? "-",
    serial: state.serial,
    plan: digest,
    state: options.state ?? "open",
  });
}

export function headingLine(plan: Plan, options: MarkdownOptions): string {
  if (options.heading !== undefined) return `### ${options.heading}`;
  return `### ${verdict(plan, `Countwheel plan for ${codeSpan(plan.state.env)}`)}`;
}

function verdict({ problems, changes, counts, confirm }: Plan, title: string): string {
  if (hasErrors(problems)) return `❌ ${title}: ${plural(counts.invalid, "manifest")} to mend before anything applies`;
  if (changes.length === 0) return `✅ ${title}: no changes`;
  if (counts.blocked === changes.length) return `⛔ ${title}: blocked`;
  if (confirm !== null) return `⏳ ${title}: waits for a confirmation`;
  if (counts.prune > 0) return `⏳ ${title}: ready, and it prunes ${plural(counts.prune, "record")}`;
  return `⏳ ${title}: ready`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function countsPart(plan: Plan): string {
  const wider = widening(plan).length;
  return `**${countsLine(plan.counts)}**${wider > 0 ? ` · access widens for ${plural(wider, "agent")}` : ""}`;
}

/** Blocked, pruned, privileged, rewired and widened come first and are never dropped; past `limit` the rest is counted. */
export function warningsPart(plan: Plan, options: MarkdownOptions, limit: number): string {
  const { changes, confirm } = plan;
  const blocked = changes.filter((change) => change.blocked !== undefined);
  const pruned = changes.filter((change) => change.blocked === undefined && change.action === "prune");
  return [
    ...(confirm === null ? [] : [`> **Waits** ${prose(confirmHoldText(confirm))}`]),
    ...limited(blocked, limit, (change) => `> **Blocked** ${nameOf(change)}: ${prose(change.blocked?.message ?? "")}`),
    ...limited(
      pruned,
      limit,
      (change) => `> **Prunes** ${nameOf(change)}${judging(change)}, ${whereOf(change, options)}`,
    ),
    ...limited(privileged(plan), limit, (change) => `> **Privileged** ${nameOf(change)} ${privilegedText(change)}`),
    ...limited(
      rewired(plan),
      limit,
      (change) => `> **Reach** ${nameOf(change)}: ${prose(effectsOf(change).join("; "))}`,
    ),
    ...limited(widening(plan), limit, (change) => `> **Widens** ${wideningText(change)}`),
  ].join("\\\n");
}

/**
 * Changes to what judges all the others: whoever reviews the rest in passing should stop here. What is pruned, or blocked, is
 * named already.
 */
export function privileged({ changes }: Pick<Plan, "changes">): readonly Change[] {
  return changes.filter(
    ({ kind, action, blocked }) => isPolicyKind(kind) && action !== "prune" && blocked === undefined,
  );
}

/** Changes by which something else is started, opened or reached. */
export function rewired({ changes }: Pick<Plan, "changes">): readonly Change[] {
  return changes.filter((change) => effectsOf(change).length > 0);
}

function judging({ kind }: Change): string {
  return isPolicyKind(kind) ? " (**privileged**)" : "";
}

const BECOMES = { create: "is new", update: "changes", move: "moves", prune: "is pruned" } as const;

export function privilegedText({ action }: Change): string {
  return `${BECOMES[action]}: it decides what agents may do`;
}

/** At most so many: hints are guesses, and the JSON plan has all of them. */
const HINTS_SHOWN = 5;

export function hintsPart({ hints }: Plan): string {
  if (hints.length === 0) return "";
  const shown = hints.slice(0, HINTS_SHOWN).map(({ message }) => `- ${prose(message)}`);
  const more = hints.length > HINTS_SHOWN ? [`- and ${hints.length - HINTS_SHOWN} more`] : [];
  return ["**Hints**", "", ...shown, ...more].join("\n");
}

function limited<T>(items: readonly T[], limit: number, render: (item: T) => string): string[] {
  const shown = items.slice(0, limit).map(render);
  return items.length > limit ? [...shown, `> and ${items.length - limit} more, all of them in the JSON plan`] : shown;
}

function nameOf(change: Change): string {
  return codeSpan(displayAddress(change));
}

function whereOf({ action, source }: Change, options: MarkdownOptions): string {
  return action === "prune"
    ? `was ${linkPlace(source, options, options.base)}`
    : linkPlace(source, options, options.head);
}

/** A file from the repository's root with its line, linked where somebody knows the address of the repository. */
export function linkPlace(place: Place, options: MarkdownOptions, commit: string | null | undefined): string {
  const name = codeSpan(`${place.file}:${place.line}`);
  const target = typeof commit === "string" ? options.linkTo?.(place, commit) : undefined;
  return target === undefined ? name : `[${name}](${target})`;
}

/** Where a line of a file can be looked at on GitHub, for `linkTo`. `repositoryUrl` is ours, the file's name is not. */
export function githubLinks(repositoryUrl: string): NonNullable<MarkdownOptions["linkTo"]> {
  return ({ file, line }, commit) => {
    const path = file
      .replace(/\p{Cs}/gu, "?")
      .split("/")
      .map(encodeSegment)
      .join("/");
    return `${repositoryUrl}/blob/${encodeSegment(commit)}/${path}#L${line}`;
  };
}

function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/[()'*!~]/g, (found) => `%${found.charCodeAt(0).toString(16)}`);
}

export function tablePart({ changes }: Plan, options: MarkdownOptions): string {
  if (changes.length === 0) return "";
  const rows = changes.map((change) => `| ${rowOf(change, options).map(tableCell).join(" | ")} |`);
  return ["| | resource | what | where |", "|---|---|---|---|", ...rows].join("\n");
}

function rowOf(change: Change, options: MarkdownOptions): string[] {
  const sign = change.blocked === undefined ? CHANGE_SIGNS[change.action] : "!";
  const resource = `${change.kind} ${codeSpan(change.namespace === "default" ? change.name : `${change.namespace}/${change.name}`)}`;
  return [codeSpan(sign), resource, whatOf(change), whereOf(change, options)];
}

const FIELDS_IN_A_ROW = 6;

function whatOf({ action, fields, blocked, previousAddress }: Change): string {
  if (blocked !== undefined) return "blocked";
  if (action === "move" && fields.length === 0) return `was ${codeSpan(previousAddress ?? "")}`;
  if (action === "prune") return "pruned";
  const names = fields.map(({ path }) => shorten(fieldName(path).replace(/^spec\./, ""), 60));
  const shown = names.slice(0, FIELDS_IN_A_ROW).map(prose).join(", ");
  return names.length > FIELDS_IN_A_ROW ? `${shown} and ${names.length - FIELDS_IN_A_ROW} more` : shown;
}

/** Never dropped; past `limit` the rest is counted, errors before warnings. */
export function problemsPart({ problems }: Plan, options: MarkdownOptions, limit: number): string {
  if (problems.length === 0) return "";
  const errors = problems.filter(({ severity }) => severity === "error");
  const ordered = [...errors, ...problems.filter(({ severity }) => severity === "warning")];
  const shown = ordered.slice(0, limit).map((problem) => `- ${renderProblem(problem, options)}`);
  const more = ordered.length > limit ? [`- and ${ordered.length - limit} more`] : [];
  return [
    `**Problems** ${plural(errors.length, "error")}, ${plural(ordered.length - errors.length, "warning")}`,
    "",
    ...shown,
    ...more,
  ].join("\n");
}

const PROBLEM_TEXT = 300;

function renderProblem(problem: Problem, options: MarkdownOptions): string {
  const sign = problem.severity === "error" ? "❌" : "⚠️";
  const detail = problem.detail === "" ? "" : ` ${prose(shorten(problem.detail, PROBLEM_TEXT))}`;
  const place = linkPlace(problem, options, options.head);
  return `${sign} ${codeSpan(problem.code)} ${place}: ${prose(shorten(problem.summary, PROBLEM_TEXT))}${detail}`;
}

export function footerPart({ source, state, digest, tool }: Plan, options: MarkdownOptions): string {
  const facts = [
    source.headSha === null ? "working tree" : `head ${source.headSha.slice(0, 7)}`,
    ...(options.base === null ? [] : [`base ${options.base.slice(0, 7)}`]),
    ...(state.lineage === "" ? [] : [`serial ${state.serial}`]),
    ...(state.lineage === "" && options.base === null ? ["no state yet"] : []),
    `plan ${shortDigest(digest)}`,
    ...(options.tookMs === undefined ? [] : [`${(options.tookMs / 1_000).toFixed(1)} s`]),
    `${tool.name} ${tool.version}`,
  ];
  return `<sub>${facts.join(" · ")}</sub>`;
}
