// The drift part of a plan, as text and as Markdown: shown apart from what the plan changes. Pure.
import { displayAddress } from "../../contracts/address.ts";
import type { DriftChange } from "../../contracts/drift.ts";
import type { Change, Plan } from "../../contracts/plan.ts";
import { describeField, fieldName } from "./field-text.ts";
import { codeBlock, codeSpan, oneLine, prose, shorten, tableCell } from "./inert.ts";

/** Rows of a plan's text; the rest is counted. `countwheel drift` shows all of them. */
const ROWS = 20;

/** One line for a drift, and one for each of its fields, without a place or a colour. */
function driftLines(change: Change): readonly string[] {
  const fields = change.fields.filter((field) => field.before !== undefined || field.after !== undefined);
  return [
    `${displayAddress(change)}   ${oneLine(change.reason)}`,
    ...fields.map((field) => `    ${shorten(fieldName(field.path), 60)}   ${describeField(field)}`),
    ...differenceOf(change).map((line) => `      ${oneLine(line)}`),
  ];
}

/** Of a tool of an MCP server: what two digests do not tell. */
function differenceOf(change: Change): readonly string[] {
  return "drift" in change ? ((change as DriftChange).drift.difference ?? []) : [];
}

/** The same as Markdown; empty where there is none. */
export function differenceBlock(change: Change): string {
  const lines = differenceOf(change);
  return lines.length === 0 ? "" : codeBlock("diff", lines.map(oneLine).join("\n"));
}

/** Nothing where there is none: a plan of a commit that drifted nowhere stays as short as it was. */
export function renderDriftText(
  { drift, state }: Pick<Plan, "drift" | "state">,
  paint: (text: string) => string,
): string {
  if (drift.length === 0) return "";
  const rows = drift.slice(0, ROWS).flatMap((change) => {
    const [first = "", ...rest] = driftLines(change);
    return [`  ${paint("≠")} ${first}`, ...rest.map((line) => `  ${line}`)];
  });
  const more = drift.length > ROWS ? [`  and ${drift.length - ROWS} more`] : [];
  return [
    `Drift   ${countText(drift.length)}; see: countwheel drift${state.env === "default" ? "" : ` --env ${state.env}`}`,
    ...rows,
    ...more,
  ].join("\n");
}

export function driftPart({ drift }: Pick<Plan, "drift">, limit: number): string {
  if (drift.length === 0) return "";
  const shown = drift.slice(0, limit);
  const rows = shown.map((change) => {
    const fields = change.fields.map(({ path }) => codeSpan(fieldName(path))).join(" ");
    return `| ${tableCell(codeSpan(displayAddress(change)))} | ${tableCell(prose(change.reason))} | ${tableCell(fields)} |`;
  });
  const head = `**Drift**: ${countText(drift.length)}, apart from this plan. \`countwheel drift\` offers to adopt, revert or ignore it.`;
  const table = rows.length === 0 ? [] : ["", "| resource | what | fields |", "|---|---|---|", ...rows];
  const differences = shown.flatMap((change) => {
    const block = differenceBlock(change);
    return block === "" ? [] : ["", prose(change.reason), "", block];
  });
  return [
    head,
    ...table,
    ...differences,
    ...(drift.length > limit ? ["", `and ${drift.length - limit} more`] : []),
  ].join("\n");
}

function countText(count: number): string {
  return count === 1 ? "1 resource is not as it was applied" : `${count} resources are not as they were applied`;
}
