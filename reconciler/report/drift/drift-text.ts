// What the issue on an environment's drift says. Pure; everything from records and manifests is inert.
import { displayAddress } from "../../../contracts/address.ts";
import { type DriftChange, type DriftReport, driftCountLine } from "../../../contracts/drift.ts";
import { differenceBlock } from "../../plan/drift-part.ts";
import { fieldName } from "../../plan/field-text.ts";
import { codeSpan, markerValue, prose, tableCell } from "../../plan/inert.ts";
import { renderDetails } from "../../plan/markdown-diff.ts";

/** GitHub's bound for an issue's body is 65,536 characters. */
const BODY_BYTES = 64_000;
const ROWS = 100;

/** The beginning of the first line of every issue of ours on this environment's drift. */
export function driftMarker(env: string): string {
  return `<!-- countwheel:drift v=1 env=${markerValue(env)} `;
}

export interface IssueText {
  readonly title: string;
  readonly body: string;
}

/** `env` is a name: letters, digits and `._-`. */
export function renderDriftIssue(report: DriftReport): IssueText {
  const { env, state, counts } = report;
  const count = counts.record + counts.world + counts.undeclared;
  const title = `Drift in ${env}: ${count} ${count === 1 ? "resource is" : "resources are"} not as applied`;
  return {
    title,
    body: `${driftMarker(env)}serial=${state.serial} state=open -->\n${renderDrift(report, BODY_BYTES)}`,
  };
}

export function renderDriftGone({ env, state, source }: DriftReport): IssueText {
  const body = `### ✅ No drift in ${codeSpan(env)}\n\nEverything is as it was applied again: serial ${state.serial}${commitText(source.headSha)}.\n`;
  return { title: `Drift in ${env}: gone`, body: `${driftMarker(env)}serial=${state.serial} state=gone -->\n${body}` };
}

/** Also for a step's summary. */
export function renderDrift(report: DriftReport, maxBytes: number): string {
  const { env, state, source, items, unknown } = report;
  const head = [
    `### ${items.length === 0 ? "✅ No drift" : "≠ Drift"} in ${codeSpan(env)}`,
    `**${driftCountLine(report)}**`,
    ...(items.length === 0 ? [] : [tableOf(items)]),
  ];
  const foot = [
    ...(unknown.length === 0
      ? []
      : [["**Not known**", "", ...unknown.slice(0, 20).map((line) => `- ${prose(line)}`)].join("\n")]),
    ...(items.length === 0
      ? []
      : [
          `${codeSpan(`countwheel drift${env === "default" ? "" : ` --env ${env}`}`)} offers to adopt, to revert or to ignore each.`,
        ]),
    `<sub>serial ${state.serial}${commitText(source.headSha)}</sub>`,
  ];
  const spent = Buffer.byteLength([...head, ...foot].join("\n\n"));
  return `${[...head, ...detailsOf(items, maxBytes - spent - 200), ...foot].join("\n\n")}\n`;
}

function commitText(headSha: string | null): string {
  return headSha === null ? "" : ` · ${codeSpan(headSha.slice(0, 7))}`;
}

function tableOf(items: readonly DriftChange[]): string {
  const rows = items.slice(0, ROWS).map((item) => `| ${rowOf(item).map(tableCell).join(" | ")} |`);
  const more = items.length > ROWS ? ["", `and ${items.length - ROWS} more`] : [];
  return ["| resource | what | fields |", "|---|---|---|", ...rows, ...more].join("\n");
}

const FIELDS_IN_A_ROW = 6;

function rowOf(item: DriftChange): string[] {
  const names = item.fields.slice(0, FIELDS_IN_A_ROW).map(({ path }) => codeSpan(fieldName(path)));
  const more = item.fields.length > FIELDS_IN_A_ROW ? [`and ${item.fields.length - FIELDS_IN_A_ROW} more`] : [];
  return [codeSpan(displayAddress(item)), prose(item.reason), [...names, ...more].join(" ")];
}

/** As many as there is room for; the table has them all, or counts them. */
function detailsOf(items: readonly DriftChange[], bytes: number): string[] {
  const shown: string[] = [];
  let left = bytes;
  for (const item of items.slice(0, ROWS).filter(hasContent)) {
    const text = [renderDetails(item, "tight"), differenceBlock(item)].filter((part) => part !== "").join("\n\n");
    left -= Buffer.byteLength(text) + 2;
    if (left < 0) return [...shown, "The other details are too long for this place."];
    shown.push(text);
  }
  return shown;
}

function hasContent({ before, after, fields }: DriftChange): boolean {
  return before !== undefined || after !== undefined || fields.length > 0;
}
