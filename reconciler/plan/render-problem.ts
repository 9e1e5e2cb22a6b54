// A problem as people read it in a terminal: `file:line:col: CODE: what is wrong`, the lines around it, and the fix.
import type { Problem } from "../../contracts/problem.ts";
import { oneLine, showUnseen } from "./inert.ts";
import type { PlanPaint } from "./render-text.ts";

/** The name of a file as people can open it. */
export type ShowFile = (file: string) => string;

export function renderProblem(problem: Problem, paint: PlanPaint, showFile: ShowFile = (file) => file): string {
  const { file, line, column, code, summary, detail, frame, severity } = problem;
  const isError = severity === "error";
  const place = paint("bold", `${oneLine(showFile(file))}:${line}:${column}`);
  const head = `${place}: ${paint(isError ? "red" : "yellow", `${code}:`)} ${isError ? "" : "warning: "}${oneLine(summary)}`;
  return [
    head,
    ...(frame === undefined ? [] : [showUnseen(frame)]),
    ...(detail === "" ? [] : [`  ${oneLine(detail)}`]),
  ].join("\n");
}
