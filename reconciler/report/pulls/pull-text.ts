// What the sticky comment says while it shows no plan: a head is being planned, or could not be. Pure.
import { codeSpan, markerValue, prose } from "../../plan/inert.ts";
import { renderMarker } from "../marker.ts";

/** The plan that stood in the comment before; null: there was none. */
export interface Earlier {
  readonly head: string;
  readonly digest: string;
  readonly serial: number;
  readonly checkUrl: string | null;
}

export interface UnplannedPull {
  readonly env: string;
  /** The head that has no plan. */
  readonly head: string;
  readonly earlier: Earlier | null;
}

export function renderPlanning(pull: UnplannedPull): string {
  return render(pull, `⏳ ${codeSpan(short(pull.head))} is being planned for ${codeSpan(pull.env)}`, [
    `A new head was pushed. ${superseded(pull.earlier)}`,
  ]);
}

/** `message` may quote anything. */
export function renderUnplanned(pull: UnplannedPull, code: string, message: string): string {
  return render(pull, `❌ ${codeSpan(short(pull.head))} could not be planned for ${codeSpan(pull.env)}`, [
    `**${code}** ${prose(message)}`,
    superseded(pull.earlier),
  ]);
}

export function renderClosed(pull: UnplannedPull): string {
  return render(pull, `Closed before ${codeSpan(short(pull.head))} was planned for ${codeSpan(pull.env)}`, [
    superseded(pull.earlier),
  ]);
}

function superseded(earlier: Earlier | null): string {
  if (earlier === null) return "";
  const head = codeSpan(short(earlier.head));
  const plan = earlier.checkUrl === null ? `The plan of ${head}` : `[The plan of ${head}](${earlier.checkUrl})`;
  return `${plan} is superseded.`;
}

/** `state=stale`: nobody may act on what stood here. */
function render({ env, head, earlier }: UnplannedPull, heading: string, parts: readonly string[]): string {
  const marker = renderMarker({
    env: markerValue(env),
    head,
    base: "-",
    serial: earlier?.serial ?? 0,
    plan: earlier?.digest ?? "-",
    state: "stale",
  });
  const body = parts.filter((part) => part !== "").join("\n\n");
  return `${marker}\n### ${heading}\n\n${body}\n`;
}

function short(commit: string): string {
  return commit.slice(0, 7);
}
