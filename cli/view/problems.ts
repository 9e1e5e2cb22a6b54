// How a list of problems looks: each with its place, the lines around it and the fix.
import type { Problem } from "../../contracts/problem.ts";
import { renderProblem } from "../../reconciler/plan/render-problem.ts";
import type { Paint } from "../output.ts";

export function renderProblems(problems: readonly Problem[], paint: Paint): string {
  return problems.map((problem) => `${renderProblem(problem, paint)}\n`).join("\n");
}
