// Says what drifted and what may be done about it: each drift with the patch, the command and the lines to paste.
import { displayAddress } from "../../contracts/address.ts";
import { type DriftChange, type DriftOffers, type DriftReport, driftCountLine } from "../../contracts/drift.ts";
import { describeField, fieldName } from "../../reconciler/plan/field-text.ts";
import { oneLine, showUnseen } from "../../reconciler/plan/inert.ts";
import type { ShowFile } from "../../reconciler/plan/render-problem.ts";
import type { Paint } from "../output.ts";

const TITLES = {
  record: "Records that changed under us",
  world: "The world behind the records",
  undeclared: "Records that nothing declares",
} as const;

export interface DriftView {
  readonly paint: Paint;
  readonly showFile: ShowFile;
}

/** Its last line is the count, as a plan's is. */
export function renderDrift(report: DriftReport, view: DriftView): string {
  const { env, state, items, unknown } = report;
  const { paint } = view;
  const serial = state.lineage === "" ? "no state yet" : `state serial ${state.serial}`;
  const sections = (["record", "world", "undeclared"] as const).map((sort) => {
    const rows = items.filter(({ drift }) => drift.sort === sort).map((change) => renderChange(change, view));
    return rows.length === 0 ? "" : `${paint("bold", TITLES[sort])}\n${rows.join("\n")}`;
  });
  const notes = unknown.map((line) => `  ${paint("dim", `? ${oneLine(line)}`)}`);
  return `${[
    `Environment ${paint("bold", oneLine(env))} · ${serial}`,
    ...sections,
    notes.length === 0 ? "" : ["Not known", ...notes].join("\n"),
    paint("bold", driftCountLine(report)),
  ]
    .filter((section) => section !== "")
    .join("\n\n")}\n`;
}

const SIGNS = { create: "+", update: "~", move: "→", prune: "-" } as const;

function renderChange(change: DriftChange, view: DriftView): string {
  const { paint, showFile } = view;
  const { file, line } = change.source;
  const head = `  ${paint("yellow", `${SIGNS[change.action]} ${displayAddress(change)}`)}   ${oneLine(change.reason)}`;
  const place = paint("dim", `${oneLine(showFile(file))}:${line}`);
  const fields = change.fields.map((field) => {
    const told = field.before === undefined && field.after === undefined ? "" : `   ${describeField(field)}`;
    return `      ${fieldName(field.path)}${told}   ${paint("dim", `:${field.source.line}`)}`;
  });
  const { offers, difference = [] } = change.drift;
  const lines = difference.map((told) => `        ${paint(told.startsWith("-") ? "red" : "green", oneLine(told))}`);
  return [`${head}   ${place}`, ...fields, ...lines, ...(offers === undefined ? [] : renderOffers(offers, paint))].join(
    "\n",
  );
}

function renderOffers({ adopt, revert, ignore, notes }: DriftOffers, paint: Paint): string[] {
  return [
    ...(revert === null ? [] : [`      ${paint("bold", "revert")}  ${oneLine(revert)}`]),
    ...(adopt === null
      ? []
      : [`      ${paint("bold", "adopt")}   git apply, from the repository's root:`, ...block(adopt)]),
    ...notes.map((note) => `      ${paint("dim", oneLine(note))}`),
    ...(ignore === null ? [] : [`      ${paint("bold", "ignore")}  in countwheel.yaml:`, ...block(ignore)]),
  ];
}

/** From the first column on: it is there to be pasted. */
function block(text: string): string[] {
  return showUnseen(text).trimEnd().split("\n");
}
