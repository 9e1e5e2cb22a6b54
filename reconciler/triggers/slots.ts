// The times of a schedule, by the same parser that BullMQ rings with. Pure.
//
// Where clocks go forward, a time that does not exist is due an hour later, once. Where they go back, a time that comes
// twice is due the first time only; patterns that name every hour are due in both.
import { CronExpressionParser } from "cron-parser";

export interface Timetable {
  readonly pattern: string;
  readonly zone: string;
}

/** One line where the pattern or the zone says nothing that could be run; undefined where it can. */
export function findTimetableProblem({ pattern, zone }: Timetable): string | undefined {
  if (!isZone(zone)) return undefined;
  try {
    const from = new Date(SOME_TIME);
    CronExpressionParser.parse(pattern, { currentDate: from, tz: zone }).next();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Any will do: whether a pattern ever comes true does not depend on when it is asked. */
const SOME_TIME = Date.UTC(2026, 0, 1);

export function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** The first slot after `after`, which may be one itself; undefined where none ever comes. */
export function nextSlot({ pattern, zone }: Timetable, after: Date): Date | undefined {
  try {
    return CronExpressionParser.parse(pattern, { currentDate: after, tz: zone }).next().toDate();
  } catch {
    return undefined;
  }
}

/** In a sweep: the rest is counted as missed without being named. A pattern of every minute passes so many in 16 hours. */
const SLOTS_AT_ONCE = 1_000;

/** The slots in (after, upTo], oldest first, the newest ones where there are too many; computing one takes some 50 µs. */
export function slotsBetween(timetable: Timetable, after: Date, upTo: Date, newestFrom: Date): Date[] {
  const slots = walk(timetable, after, upTo);
  const isAll = slots.length < SLOTS_AT_ONCE;
  return isAll || newestFrom <= after ? slots : walk(timetable, newestFrom, upTo);
}

function walk({ pattern, zone }: Timetable, after: Date, upTo: Date): Date[] {
  const slots: Date[] = [];
  try {
    const times = CronExpressionParser.parse(pattern, { currentDate: after, tz: zone });
    while (slots.length < SLOTS_AT_ONCE) {
      const slot = times.next().toDate();
      if (slot > upTo) break;
      slots.push(slot);
    }
  } catch {
    // A pattern that can be read no more, or whose times have come to an end: nothing is due.
  }
  return slots;
}
