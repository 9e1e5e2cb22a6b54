// How problems look: `file:line:col: code: what is wrong`, the lines around it, and the fix.
import type { Problem } from "../../contracts/problem.ts";
import type { Paint } from "../output.ts";

export function renderProblems(problems: readonly Problem[], paint: Paint): string {
  return problems.map((problem) => `${renderProblem(problem, paint)}\n`).join("\n");
}

function renderProblem({ file, line, column, severity, code, summary, detail, frame }: Problem, paint: Paint): string {
  const color = severity === "error" ? "red" : "yellow";
  const kind = severity === "error" ? "" : "warning: ";
  const head = `${paint("bold", `${file}:${line}:${column}`)}: ${paint(color, `${code}:`)} ${kind}${summary}`;
  return [head, ...(frame === undefined ? [] : [frame]), ...(detail === "" ? [] : [`  ${detail}`])].join("\n");
}
