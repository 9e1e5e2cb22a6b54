// Whether an environment is frozen at a moment. Pure. A window that cannot be evaluated freezes: it is never ignored.
import { CronExpressionParser } from "cron-parser";
import type { FreezeWindow } from "../../contracts/environment.ts";

export interface FrozenHold {
  readonly why: "frozen";
  /** Of the window that closes last. */
  readonly reason: string;
  readonly since: string;
  /** null: the window cannot be evaluated, and holds until it is mended. */
  readonly until: string | null;
}

/** Of several open windows the one that closes last. */
export function findFrozenHold(windows: readonly FreezeWindow[], now: Date): FrozenHold | undefined {
  const open = windows.flatMap((window) => findOpen(window, now) ?? []);
  return open.toSorted((a, b) => closesAt(b) - closesAt(a))[0];
}

export function frozenText({ reason, since, until }: FrozenHold): string {
  const end = until === null ? "" : ` until ${until}`;
  return `frozen since ${since}${end}: ${reason}`;
}

/** One line where a window says nothing that can be evaluated: settings are refused with it. */
export function findFreezeProblem(window: FreezeWindow): string | undefined {
  const opened = lastOpening(window, new Date(0));
  return "problem" in opened ? opened.problem : undefined;
}

function findOpen(window: FreezeWindow, now: Date): FrozenHold | undefined {
  const opened = lastOpening(window, now);
  if ("problem" in opened) {
    return { why: "frozen", reason: `${window.reason} (${opened.problem})`, since: now.toISOString(), until: null };
  }
  const until = opened.at + window.durationMs;
  if (now.getTime() >= until) return undefined;
  return {
    why: "frozen",
    reason: window.reason,
    since: new Date(opened.at).toISOString(),
    until: new Date(until).toISOString(),
  };
}

function closesAt({ until }: FrozenHold): number {
  return until === null ? Number.POSITIVE_INFINITY : Date.parse(until);
}

type Opening = { readonly at: number } | { readonly problem: string };

/** At the moment itself the window is open: `prev` alone would answer the one before. */
function lastOpening({ cron, zone }: FreezeWindow, now: Date): Opening {
  if (cron.trim().split(/\s+/).length !== 5) return { problem: `the cron \`${cron}\` must have five fields` };
  if (!isZone(zone)) return { problem: `\`${zone}\` is no time zone` };
  try {
    const expression = CronExpressionParser.parse(cron, { currentDate: new Date(now.getTime() + 1), tz: zone });
    return { at: expression.prev().getTime() };
  } catch (error) {
    return {
      problem: `the cron \`${cron}\` cannot be evaluated: ${error instanceof Error ? error.message : "unknown"}`,
    };
  }
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
