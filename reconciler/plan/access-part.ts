// Who may do what after the plan, as a part of it in text and in Markdown. Widening is marked as prunes are.
import { shortDigest } from "../../contracts/canonical.ts";
import type { AccessChange, BoundChange, Plan } from "../../contracts/plan.ts";
import type { Place } from "../../contracts/problem.ts";
import { codeSpan, oneLine, prose, shorten, tableCell } from "./inert.ts";
import type { PlanPaint } from "./render-text.ts";

/** Rows of the access section; the rest is counted. The JSON holds all of them. */
const ACCESS_ROWS = 20;
const BOUND_TEXT = 200;

export interface AccessTextOptions {
  readonly paint: PlanPaint;
  readonly placeOf: (place: AccessChange["cause"]) => string;
}

export function renderAccessText({ access, policyDigest }: Plan, options: AccessTextOptions): string {
  if (access.length === 0) return "";
  const rows = access.slice(0, ACCESS_ROWS).flatMap((change) => agentLines(change, options));
  const more = access.length > ACCESS_ROWS ? [`    and ${access.length - ACCESS_ROWS} agents more`] : [];
  return [`Access  policy ${shortDigest(policyDigest)}`, ...rows, ...more].join("\n");
}

function agentLines(change: AccessChange, { paint, placeOf }: AccessTextOptions): string[] {
  const { gained, lost, bounds, cause, widens } = change;
  const agent = oneLine(change.agent);
  const place = paint("dim", placeOf(cause));
  const mark = widens ? paint("red", "!") : " ";
  return [
    ...(gained.length > 0 ? [`  ${mark} ${agent} gains ${oneLine(gained.join(", "))}   ${place}`] : []),
    ...(lost.length > 0 ? [`    ${agent} loses ${oneLine(lost.join(", "))}   ${place}`] : []),
    ...bounds.flatMap((bound) => [
      `  ${bound.widens ? paint("red", "!") : " "} ${agent} calls ${oneLine(bound.on)} within ${kindOf(bound)} bounds   ${place}`,
      ...bound.removed.map((text) => paint("red", `      - ${boundText(text)}`)),
      ...bound.added.map((text) => paint("green", `      + ${boundText(text)}`)),
    ]),
  ];
}

function kindOf({ removed, added, widens }: BoundChange): string {
  if (removed.length === 0) return widens ? "these" : "new";
  if (added.length === 0) return "fewer";
  return widens ? "other" : "narrower";
}

function boundText(text: string): string {
  return shorten(oneLine(text), BOUND_TEXT);
}

export type LinkCause = (place: Place) => string;

export function accessPart({ access, policyDigest }: Plan, link: LinkCause, limit: number): string {
  if (access.length === 0) return "";
  const rows = access.slice(0, limit).map((change) => {
    const { agent, gained, lost, bounds, cause, widens } = change;
    const cells = [
      widens ? codeSpan("!") : "",
      codeSpan(agent),
      gained.map(codeSpan).join(", "),
      lost.map(codeSpan).join(", "),
      bounds.map(boundCell).join("; "),
      link({ ...cause, column: 1 }),
    ];
    return `| ${cells.map(tableCell).join(" | ")} |`;
  });
  const title = `**Access** (from the evaluator that decides at run time, policy ${codeSpan(shortDigest(policyDigest))})`;
  const more = access.length > limit ? `\n\nand ${access.length - limit} agents more` : "";
  const header = "| | agent | gains | loses | bounds | because of |\n|---|---|---|---|---|---|";
  return `${title}\n\n${header}\n${rows.join("\n")}${more}`;
}

function boundCell({ on, removed, added }: BoundChange): string {
  const texts = [
    ...removed.map((text) => `no longer ${prose(boundText(text))}`),
    ...added.map((text) => `now ${prose(boundText(text))}`),
  ];
  return `${codeSpan(on)}: ${texts.join(", ")}`;
}

/** Agents whose access widens, for the list of what deserves a second look. */
export function widening({ access }: Plan): readonly AccessChange[] {
  return access.filter(({ widens }) => widens);
}

export function wideningText(change: AccessChange): string {
  const { agent, gained, bounds } = change;
  const looser = bounds.filter(({ widens, removed }) => widens && removed.length > 0).map(({ on }) => on);
  const parts = [
    gained.length > 0 ? `gains ${gained.map(codeSpan).join(", ")}` : "",
    looser.length > 0 ? `is bound otherwise in ${looser.map(codeSpan).join(", ")}` : "",
  ].filter((part) => part !== "");
  return `${codeSpan(agent)} ${parts.join(", and ") || "may do more"}`;
}
