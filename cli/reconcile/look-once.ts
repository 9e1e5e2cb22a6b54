// `reconcile --once`: one look at each environment, and what it comes to as an exit code.
import type { ReportingOptions, reportOnce } from "../../reconciler/report/start-reporting.ts";
import { type TickOutcome, tickUntilDone } from "../../reconciler/tick.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { say } from "../output.ts";
import type { OpenEnvironment } from "./environment.ts";

/** What GitHub could not be told waits in the outbox for the next look; the apply stands, and the exit code says 1. */
export async function lookOnce(host: Host, { loop, report, print, handsOf }: OpenEnvironment): Promise<ExitCode> {
  const result = await tickUntilDone({
    ...loop,
    onPlan: (plan, commit) => {
      if (plan.changes.length > 0) print({ type: "planned", plan, commit });
    },
  });
  print({ type: "ended", result });
  const untold = report === undefined ? null : await tell({ ...report, hands: handsOf(() => undefined) }, result);
  if (untold !== null) say(host, `${untold.code}: ${untold.message} GitHub is told at the next look.`);
  const code = exitCodeOf(result);
  return code === EXIT.ok && untold !== null ? EXIT.failed : code;
}

async function tell(report: ReportingOptions, result: TickOutcome): ReturnType<typeof reportOnce> {
  const { reportOnce } = await import("../../reconciler/report/start-reporting.ts");
  const { standingOf } = await import("../../reconciler/report/deployments/standing.ts");
  return reportOnce({ ...report, standing: () => standingOf(result) });
}

function exitCodeOf(result: TickOutcome): ExitCode {
  switch (result.outcome) {
    case "applied":
      // What was blocked, or broken and left out, is still to be done.
      return result.plan.counts.blocked + result.plan.counts.invalid > 0 ? EXIT.blocked : EXIT.ok;
    case "unchanged":
    case "would-apply":
      return EXIT.ok;
    case "unavailable":
    case "locked":
      return EXIT.failed;
    case "invalid":
      return EXIT.invalid;
    case "held":
      return EXIT.blocked;
    case "overtaken":
      return EXIT.stale;
  }
}
