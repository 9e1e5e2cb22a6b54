// The evidence of a task that failed, as text. Pure.
import type { Evidence } from "../../contracts/evidence.ts";
import { renderTable } from "./table.ts";

export function renderEvidence({ attempts, runners, lastSteps }: Evidence): string {
  const tried = attempts.map(({ activation, attempt, runner, startedAt, failure }) => [
    `  ${activation}`,
    String(attempt),
    runner,
    startedAt,
    failure === null ? "-" : `${failure.code}: ${failure.message}`,
  ]);
  const steps = lastSteps.map(({ at, activation, step, what, ended }) => [`  ${at}`, activation, step, what, ended]);
  return [
    ...(tried.length === 0
      ? []
      : [
          `\nTried (by ${runners.join(", ")}):\n`,
          renderTable(["  ID", "ATTEMPT", "RUNNER", "STARTED", "ENDED"], tried),
        ]),
    ...(steps.length === 0 ? [] : ["\nLast steps:\n", renderTable(["  AT", "ID", "STEP", "WHAT", "ENDED"], steps)]),
  ].join("");
}
