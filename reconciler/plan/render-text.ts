// The plan as people read it in a terminal. Its last line is the public counts line.
import { displayAddress } from "../../contracts/address.ts";
import { type Change, countsLine, type FieldChange, type Plan } from "../../contracts/plan.ts";
import { hasErrors, type Place } from "../../contracts/problem.ts";
import { confirmHoldText } from "../holds/confirm.ts";
import type { CommitInfo } from "../source/source.ts";
import { renderAccessText } from "./access-part.ts";
import { renderDriftText } from "./drift-part.ts";
import { effectsOf } from "./effects.ts";
import { describeField, fieldName } from "./field-text.ts";
import { oneLine, shorten } from "./inert.ts";
import { renderProblem, type ShowFile } from "./render-problem.ts";
import { renderReplayText } from "./replay-part.ts";

export type PlanStyle = "green" | "yellow" | "red" | "bold" | "dim";
/** Colours a text, or hands it back as it is. */
export type PlanPaint = (style: PlanStyle, text: string) => string;

export interface TextOptions {
  readonly paint: PlanPaint;
  /** Facts about the planned commit; null for a working tree outside one. */
  readonly commit: CommitInfo | null;
  /** The commit that was applied last, or that the plan is made against. */
  readonly base: string | null;
  readonly now: Date;
  /** Default: as the plan names them, from the root of its repository. */
  readonly showFile?: ShowFile;
}

export function renderPlanText(plan: Plan, options: TextOptions): string {
  const { paint } = options;
  const sections = [
    renderHeader(plan, options),
    renderChanges(plan, options),
    renderAccessText(plan, { paint, placeOf: (place) => placeOf(place, options) }),
    renderReplayText(plan, paint),
    renderWaiting(plan, options),
    renderDriftText(plan, (text) => paint("yellow", text)),
    plan.problems.map((problem) => renderProblem(problem, paint, options.showFile)).join("\n\n"),
    renderLeftOut(plan),
    paint("bold", countsLine(plan.counts)),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function renderHeader({ source, state }: Plan, { commit, base, now, paint }: TextOptions): string {
  const head =
    source.headSha === null ? "working tree" : `${source.headSha.slice(0, 7)}${source.dirty ? " + working tree" : ""}`;
  const from = base === null || base === source.headSha ? "" : `${base.slice(0, 7)} → `;
  const subject =
    commit === null ? "" : ` "${shorten(oneLine(commit.subject), 72)}" (${renderAgo(commit.committedAt, now)})`;
  const none = base === null ? "no state yet" : "compared with a commit";
  const serial = state.lineage === "" ? none : `state serial ${state.serial}`;
  const warning = { forced: "history was rewritten", unrelated: "an unrelated history", first: "", "fast-forward": "" }[
    source.history
  ];
  const note = warning === "" ? "" : ` · ${paint("yellow", warning)}`;
  return `Environment ${paint("bold", oneLine(state.env))} · ${serial} · ${from}${head}${subject}${note}`;
}

export function renderAgo(iso: string, now: Date): string {
  const seconds = Math.round((now.getTime() - Date.parse(iso)) / 1_000);
  const units = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ] as const;
  const unit = units.find(([, length]) => seconds >= length);
  if (unit === undefined) return "just now";
  const amount = Math.floor(seconds / unit[1]);
  return `${amount} ${unit[0]}${amount === 1 ? "" : "s"} ago`;
}

/** A plan that says little must not look like a set that is in order. */
function renderLeftOut({ problems, applyable }: Plan): string {
  if (!hasErrors(problems)) return "";
  return applyable
    ? "What the problems above concern is left out, and nothing is pruned, until they are mended."
    : "What the problems above concern is left out. Nothing is applied until they are mended.";
}

const SIGNS = { create: "+", update: "~", move: "→", prune: "-" } as const;
const STYLES = { create: "green", update: "yellow", move: "yellow", prune: "red" } as const;

interface Widths {
  readonly address: number;
  readonly field: number;
  readonly value: number;
}

function renderChanges({ changes }: Plan, options: TextOptions): string {
  const fields = changes.flatMap((change) => change.fields);
  const widths: Widths = {
    address: widest(changes.map(nameOf), 60),
    field: widest(
      fields.map(({ path }) => fieldName(path)),
      32,
    ),
    value: widest(fields.map(describeField), 48),
  };
  return changes.map((change) => renderChange(change, widths, options)).join("\n");
}

function widest(texts: readonly string[], limit: number): number {
  return texts.reduce((width, text) => Math.max(width, Math.min(limit, lengthOf(text))), 0);
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - lengthOf(text)));
}

function nameOf(change: Change): string {
  return displayAddress(change);
}

function renderChange(change: Change, widths: Widths, options: TextOptions): string {
  const { paint } = options;
  const sign = change.blocked === undefined ? SIGNS[change.action] : "!";
  const style = change.blocked === undefined ? STYLES[change.action] : "red";
  const line = `  ${paint(style, `${sign} ${pad(nameOf(change), widths.address)}`)}   ${whereOf(change, options)}`;
  const fields = change.fields.map((field) => renderField(field, change, widths, options));
  const effects = effectsOf(change).map((effect) => `      ${paint("yellow", `! ${effect}`)}`);
  return [line, ...fields, ...effects].join("\n");
}

function placeOf({ file, line }: Pick<Place, "file" | "line">, { showFile }: TextOptions): string {
  return `${oneLine(showFile?.(file) ?? file)}:${line}`;
}

function whereOf(change: Change, options: TextOptions): string {
  const { paint, base } = options;
  const place = placeOf(change.source, options);
  if (change.action === "prune" && change.blocked === undefined) {
    return paint("dim", `was ${place}${base === null ? "" : ` at ${base.slice(0, 7)}`}`);
  }
  if (change.blocked !== undefined) return `blocked: ${oneLine(change.blocked.message)}`;
  const moved = change.previousAddress === undefined ? "" : `was ${change.previousAddress}, `;
  return paint("dim", `${moved}${place}`);
}

function renderField(field: FieldChange, change: Change, widths: Widths, options: TextOptions): string {
  const { paint } = options;
  const { file, line } = field.source;
  const place = file === change.source.file ? `:${line}` : placeOf(field.source, options);
  return `      ${pad(shorten(fieldName(field.path), 60), widths.field)}   ${pad(describeField(field), widths.value)}   ${paint("dim", place)}`;
}

/** Rows of the hints; the JSON holds all of them. */
const HINTS_SHOWN = 5;

function renderWaiting({ confirm, hints }: Plan, { paint }: TextOptions): string {
  const waits = confirm === null ? [] : [`${paint("red", "Waits")}  ${oneLine(confirmHoldText(confirm))}`];
  const shown = hints.slice(0, HINTS_SHOWN).map(({ message }) => `${paint("yellow", "Hint")}  ${oneLine(message)}`);
  const more = hints.length > HINTS_SHOWN ? [`      and ${hints.length - HINTS_SHOWN} hints more`] : [];
  return [...waits, ...shown, ...more].join("\n");
}
