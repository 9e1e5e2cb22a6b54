// The history as people read it: a table of applies, and one apply with all of its rows.
import { displayAddress, parseAddress } from "../../contracts/address.ts";
import { shortDigest } from "../../contracts/canonical.ts";
import type { AppliedChange, ApplyFacts } from "../../contracts/history.ts";
import { countsLine } from "../../contracts/plan.ts";
import { shownChanges } from "../../reconciler/history/read-facts.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import { renderAgo } from "../../reconciler/plan/render-text.ts";
import type { HistoryEntry } from "../../store/history.ts";
import type { Paint } from "../output.ts";
import { renderAge, renderTable } from "./table.ts";

/** `facts` undefined: an older version wrote the entry, and kept less. */
export interface ShownApply {
  readonly entry: HistoryEntry;
  readonly facts: ApplyFacts | undefined;
}

export function renderHistory(applies: readonly ShownApply[], now: Date): string {
  return renderTable(
    ["SERIAL", "AGE", "WHO", "COMMIT", "CHANGES", "PLAN", "NOTE"],
    applies.map((apply) => row(apply, now)),
  );
}

function row({ entry, facts }: ShownApply, now: Date): string[] {
  const { serial, appliedAt, commit, planDigest } = entry;
  return [
    String(serial),
    renderAge(appliedAt, now),
    shorten(oneLine(whoOf(facts)), 24),
    commit?.slice(0, 7) ?? "-",
    facts === undefined ? "-" : changesOf(facts),
    planDigest.slice(0, 15),
    shorten(oneLine(notesOf(facts).join(", ")), 60),
  ];
}

function whoOf(facts: ApplyFacts | undefined): string {
  if (facts === undefined) return "-";
  return facts.person ?? "reconciler";
}

/** `+2 ~1 →1 -1` */
function changesOf({ counts: { create, update, move, prune } }: ApplyFacts): string {
  return `+${create} ~${update}${move > 0 ? ` →${move}` : ""} -${prune}`;
}

function notesOf(facts: ApplyFacts | undefined): string[] {
  if (facts === undefined) return [];
  const { rollbackOf, overrideFreeze, acceptedHistory: taken, rebuilt, blocked } = facts;
  return [
    ...(rebuilt === true ? ["rebuilt from Git"] : []),
    ...(rollbackOf === null ? [] : [`rollback to #${rollbackOf.serial}`]),
    ...(overrideFreeze === null ? [] : [`in a freeze: ${overrideFreeze}`]),
    ...(taken === undefined ? [] : [`${taken.by} accepted a rewritten branch (${taken.history})`]),
    ...(blocked.length === 0 ? [] : [`${blocked.length} blocked`]),
  ];
}

export interface ApplyTextOptions {
  readonly env: string;
  readonly now: Date;
  readonly paint: Paint;
}

export function renderApply({ entry, facts }: ShownApply, options: ApplyTextOptions): string {
  const sections = [renderHead({ entry, facts }, options), ...(facts === undefined ? [] : renderFacts(facts, options))];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function renderHead({ entry, facts }: ShownApply, { env, now, paint }: ApplyTextOptions): string {
  const { serial, appliedAt, commit, planId, planDigest } = entry;
  const head = `Apply ${paint("bold", `#${serial}`)} to environment ${paint("bold", env)} · ${appliedAt} (${renderAgo(appliedAt, now)})`;
  const plan = `plan ${shortDigest(planDigest)} (${oneLine(planId)})`;
  if (facts === undefined)
    return `${head}\n${commit ?? "working tree"} · ${plan}\nAn older version made it, which kept no records.`;
  const { repo, ref, path, dirty } = facts.source;
  const from = `${commit ?? `working tree${dirty ? ", edited" : ""}`} of ${oneLine(repo)}${ref === null ? "" : ` ${oneLine(ref)}`}${path === "." ? "" : `, ${oneLine(path)}`}`;
  const lines = [head, `by ${oneLine(whoOf(facts))} on ${oneLine(facts.holder)}`, `${from} · ${plan}`];
  return [...lines, ...[...notesOf(facts), ...takenBranch(facts)].map((note) => paint("yellow", oneLine(note)))].join(
    "\n",
  );
}

function takenBranch({ acceptedHistory: taken }: ApplyFacts): string[] {
  return taken === undefined ? [] : [`${taken.to} does not follow ${taken.from}; accepted at ${taken.since}`];
}

const SIGNS = { create: "+", update: "~", move: "→", prune: "-" } as const;
const STYLES = { create: "green", update: "yellow", move: "yellow", prune: "red" } as const;
const WIDEST = 60;

function renderFacts(facts: ApplyFacts, { paint }: ApplyTextOptions): string[] {
  const shown = shownChanges(facts.changes);
  const names = [...shown, ...facts.blocked].map(({ address }) => nameOf(address).length);
  const width = Math.min(WIDEST, Math.max(0, ...names));
  const rows = shown.map((change) => {
    const name = paint(STYLES[change.action], `${SIGNS[change.action]} ${nameOf(change.address).padEnd(width)}`);
    return `  ${name}   ${digestsOf(change)}   ${paint("dim", `${oneLine(change.file)}:${change.line}`)}`;
  });
  const blocked = facts.blocked.map(
    ({ address, code }) => `  ${paint("red", `! ${nameOf(address).padEnd(width)}`)}   blocked: ${oneLine(code)}`,
  );
  const tasks = facts.tasks.map((name) => `Task ${oneLine(name)} was ordered.`);
  return [[...rows, ...blocked].join("\n"), tasks.join("\n"), paint("bold", countsLine(facts.counts))];
}

function nameOf(address: string): string {
  const parts = parseAddress(address);
  return parts === undefined ? oneLine(address) : displayAddress(parts);
}

function digestsOf({ previousAddress, before, after }: AppliedChange): string {
  const digests = `${before === null ? "nothing" : shortDigest(before)} → ${after === null ? "nothing" : shortDigest(after)}`;
  return previousAddress === undefined ? digests : `was ${nameOf(previousAddress)}, ${digests}`;
}
