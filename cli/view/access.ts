// Effective access as people read it: an agent, what it may call, within which bounds, and because of which line.
import type { Place } from "../../contracts/problem.ts";
import type { AccessReport, AgentAccess, Call, Line } from "../../reconciler/access/access-report.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import type { Paint } from "../output.ts";

export interface AccessView {
  readonly paint: Paint;
  readonly showFile: (file: string) => string;
}

export function renderAccess({ items }: AccessReport, view: AccessView): string {
  return items.map((agent) => `${renderAgent(agent, view)}\n`).join("\n");
}

function renderAgent({ agent, systems, source, calls }: AgentAccess, view: AccessView): string {
  const shared = sharedBudgets(calls);
  const where = systems.length === 0 ? "in no system" : `in ${systems.join(", ")}`;
  const none = calls.length === 0 ? ["  may call nothing"] : [];
  return [
    `${view.paint("bold", oneLine(agent))}   ${oneLine(where)}${placeText(source, view)}`,
    ...none,
    ...shared.map((line) => lineText("  in all: ", line, view)),
    ...calls.flatMap((call) => renderCall(call, shared, view)),
  ].join("\n");
}

/** Budgets of the task are those of each of its calls. */
function sharedBudgets(calls: readonly Call[]): readonly Line[] {
  const open = calls.filter(({ effect }) => effect !== "deny");
  const [first, ...rest] = open;
  if (first === undefined || rest.length === 0) return [];
  return first.bounds.filter(
    (bound) => bound.effect === "budget" && rest.every(({ bounds }) => bounds.some((other) => isSame(other, bound))),
  );
}

function isSame(a: Line, b: Line): boolean {
  return a.policy === b.policy && a.rule === b.rule && a.text === b.text;
}

function renderCall(call: Call, shared: readonly Line[], view: AccessView): string[] {
  const { paint } = view;
  const { effect, bounds, because, seen } = call;
  const mark = { allow: paint("green", "✓"), ask: paint("yellow", "?"), deny: paint("red", "✕") }[effect];
  const own = bounds.filter((bound) => !shared.some((other) => isSame(other, bound)));
  const unseen = seen === false ? paint("yellow", "   no runner saw its server offer it") : "";
  return [
    `  ${mark} ${oneLine(nameOf(call))}${unseen}`,
    ...own.map((line) => lineText("      within: ", line, view)),
    ...because.map((line) =>
      lineText(effect === "deny" ? `      ${line.code ?? "denied"}: ` : "      by: ", line, view),
    ),
  ];
}

function nameOf({ what, name, system, effect, classes }: Call): string {
  const words = [...classes, ...(effect === "ask" ? ["asks first"] : []), ...(effect === "deny" ? ["denied"] : [])];
  const more = words.length === 0 ? "" : ` (${words.join(", ")})`;
  return `${what === "model" ? "model " : ""}${name}${more}${system === null ? "" : ` in ${system}`}`;
}

function lineText(lead: string, { text, source, policy, enforced }: Line, view: AccessView): string {
  const audit = enforced === false ? " (audit: only recorded)" : "";
  const place = source === null ? ` ${view.paint("dim", oneLine(policy))}` : placeText(source, view);
  return `${lead}${oneLine(text)}${audit}${place}`;
}

function placeText(source: Place | null, { paint, showFile }: AccessView): string {
  return source === null ? "" : `   ${paint("dim", `${oneLine(showFile(source.file))}:${source.line}`)}`;
}
