// What planned policies would have decided of what was decided lately, as text and as Markdown. Pure.

import { shortDigest } from "../../contracts/canonical.ts";
import type { Plan, PolicyReplay, ReplayFlip } from "../../contracts/plan.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { codeSpan, oneLine, prose, shorten, tableCell } from "./inert.ts";
import type { PlanPaint } from "./render-text.ts";

const ROWS = 10;
const REASON_TEXT = 160;

export function renderReplayText(
  { replay, policyDigest }: Pick<Plan, "replay" | "policyDigest">,
  paint: PlanPaint,
): string {
  if (replay === undefined) return "";
  return [`Policy  ${shortDigest(policyDigest)}  ${replaySentence(replay)}`, ...flipLines(replay, ROWS, paint)].join(
    "\n",
  );
}

/** One line for each of the newest flips. */
export function flipLines(replay: PolicyReplay, limit: number, paint: PlanPaint): string[] {
  const rows = replay.items.slice(0, limit).flatMap((flip) => {
    const style = flip.now.effect === "allow" ? "yellow" : "red";
    const line = `  ${paint(style, "≠")} ${nameOf(flip)}: ${answerOf(flip.was)} → ${paint(style, answerOf(flip.now))}`;
    const who = `   ${oneLine(flip.agent)} in ${oneLine(flip.task)}, ${flip.at}   ${paint("dim", oneLine(flip.decisionId))}`;
    return [`${line}${who}`, ...reasonTexts(flip).map((text) => `      ${oneLine(text)}`)];
  });
  const left = replay.flips - Math.min(replay.items.length, limit);
  return left > 0 ? [...rows, `    and ${left} more`] : rows;
}

/** `of the last 2,031 decisions, 14 would now be denied`. */
export function replaySentence({ decisions, complete, flips, denied, cannotTell, since }: PolicyReplay): string {
  if (decisions === 0) return `no decision since ${since.slice(0, 10)} to replay`;
  const of = `of the ${complete ? "" : "last "}${wholeNumber(decisions)} decisions since ${since.slice(0, 10)}`;
  const others = flips - denied;
  const changed =
    flips === 0
      ? "0 would change"
      : [
          ...(denied > 0 ? [`${wholeNumber(denied)} would now be denied`] : []),
          ...(others > 0 ? [`${wholeNumber(others)} would change otherwise`] : []),
        ].join(", ");
  return `${of}, ${changed}${cannotTell > 0 ? `; of ${wholeNumber(cannotTell)} nobody can tell` : ""}`;
}
function nameOf({ what, name }: ReplayFlip): string {
  return `${what === "model" ? "model " : ""}${oneLine(name)}`;
}

function answerOf({ effect, code }: ReplayFlip["now"]): string {
  return effect === "allow" ? "allow" : `${effect} ${oneLine(code)}`;
}

function reasonTexts({ now, reasons }: ReplayFlip): string[] {
  if (now.effect === "allow") return [];
  return reasons.map(({ policy, rule, message }) => shorten(`${policy} ${rule}: ${message}`, REASON_TEXT));
}

export function replayPart({ replay }: Pick<Plan, "replay">, limit: number): string {
  if (replay === undefined) return "";
  const summary = `Policy replay: ${replaySentence(replay)}`;
  const shown = replay.items.slice(0, Math.min(limit, ROWS));
  if (shown.length === 0) return `**${summary}**`;
  const rows = shown.map((flip) => {
    const { what, name, agent, task, was, now } = flip;
    const call = `${what === "model" ? "model " : ""}${codeSpan(name)} by ${codeSpan(agent)} in ${codeSpan(task)}`;
    const cells = [call, answerOf(was), answerOf(now), reasonTexts(flip).map(prose).join("; ")];
    return `| ${cells.map(tableCell).join(" | ")} |`;
  });
  const left = replay.flips - shown.length;
  const more = left > 0 ? `\n\nand ${left} more: \`countwheel policy replay\` lists them` : "";
  const table = `| call | was | would be | because |\n|---|---|---|---|\n${rows.join("\n")}${more}`;
  return `<details><summary>${prose(summary)}</summary>\n\n${table}\n</details>`;
}
