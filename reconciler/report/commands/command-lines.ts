// The last commands of a pull request and what became of them, as a part of its comment of its own. Pure.
import type { NotedCommand } from "../../../store/pull-notes.ts";
import { codeSpan, prose, shorten } from "../../plan/inert.ts";
import { fitLines } from "../byte-budget.ts";

/** What a comment's other text leaves room for. */
export const COMMANDS_BYTES = 4_000;
const KEPT = 5;
const TEXT_LENGTH = 120;
const MESSAGE_LENGTH = 500;

const BEGIN = "<!-- countwheel:commands -->";
const END = "<!-- countwheel:commands end -->";
const SIGNS = { done: "✅", refused: "⛔", confused: "❔" } as const;

export function addLine(lines: readonly NotedCommand[], line: NotedCommand): readonly NotedCommand[] {
  return [...lines.filter(({ comment }) => comment !== line.comment), line].slice(-KEPT);
}

/** Empty where there is none. */
function renderCommands(lines: readonly NotedCommand[]): string {
  if (lines.length === 0) return "";
  const items = lines.map(({ by, text, outcome, message }) => {
    const said = `${codeSpan(by)} ${codeSpan(shorten(text, TEXT_LENGTH))}`;
    return `- ${SIGNS[outcome]} ${said}: ${prose(shorten(message, MESSAGE_LENGTH))}`;
  });
  const room = COMMANDS_BYTES - Buffer.byteLength(`\n${BEGIN}\n${END}\n`);
  return `\n${BEGIN}\n${fitLines(["**Commands**", "", ...items], room, () => "- …")}\n${END}\n`;
}

/** The body with these commands instead of those that it had. Everything in a plan is inert, so only ours has the marks. */
export function replaceCommands(body: string, lines: readonly NotedCommand[]): string {
  const begin = body.indexOf(`\n${BEGIN}\n`);
  return `${begin < 0 ? body : body.slice(0, begin)}${renderCommands(lines)}`;
}
