// When schedules come due: time zones, clocks that go forward and back, downtime, and what else runs.
import { describe, expect, it } from "vitest";
import type { Address } from "../../../contracts/address.ts";
import { type ScheduleMemory, type ScheduleTiming, timingOf } from "../../../contracts/schedule.ts";
import {
  beyondLimits,
  judgeSlots,
  newScheduleMemory,
  remindSchedule,
  settleMade,
} from "../../../reconciler/triggers/schedule-turn.ts";
import { findTimetableProblem } from "../../../reconciler/triggers/slots.ts";

const NIGHTLY = "TaskSchedule/default/nightly" as Address;

function timing(more: Partial<ScheduleTiming> = {}): ScheduleTiming {
  return { ...timingOf({ schedule: "*/10 * * * *" }), ...more };
}

function memory(since: string, more: Partial<ScheduleTiming> = {}): ScheduleMemory {
  return newScheduleMemory(NIGHTLY, timing(more), since);
}

/** Looks every so often, as a reconciler that lives does, and answers the slots that it claimed. */
function lookOften(start: ScheduleMemory, from: string, to: string, everyMs = 300_000): string[] {
  let now = start;
  for (let at = Date.parse(from); at <= Date.parse(to); at += everyMs) now = judgeSlots(now, new Date(at)) ?? now;
  return now.claimed.map(({ slot }) => slot);
}

const ENDLESS = { concurrency: "allow", deadlineMs: 86_400_000 } as const;

describe("a schedule's slots", () => {
  it.each([
    [
      "forward: the time that does not exist is due once, an hour later",
      "30 2 * * *",
      "2026-03-28",
      "2026-03-31",
      ["28T01:30", "29T01:30", "30T00:30"],
    ],
    [
      "back: the time that comes twice is due once, the first time",
      "30 2 * * *",
      "2026-10-24",
      "2026-10-27",
      ["24T00:30", "25T00:30", "26T01:30"],
    ],
    [
      "back: an hourly one is due in both hours",
      "30 * * * *",
      "2026-10-25",
      "2026-10-25T03:00",
      ["25T00:30", "25T01:30", "25T02:30"],
    ],
  ])("clocks %s", (_name, pattern, from, to, slots) => {
    const since = new Date(from).toISOString();
    const until = new Date(to.includes("T") ? `${to}Z` : to).toISOString();
    const found = lookOften(memory(since, { ...ENDLESS, pattern, zone: "Europe/Prague" }), since, until);
    expect(found.map((slot) => slot.slice(8, 16))).toEqual(slots);
  });

  it("come in the zone of the schedule", () => {
    const kept = memory("2026-11-01T00:00:00.000Z", { pattern: "0 7 * * *", zone: "America/New_York" });
    expect(kept.nextAt).toBe("2026-11-01T12:00:00.000Z");
  });

  const missed = (more: Partial<ScheduleTiming>, now: string): readonly [string[], number, string | undefined] => {
    const judged = judgeSlots(memory("2026-11-01T00:00:00.000Z", more), new Date(now));
    return [judged?.claimed.map(({ slot }) => slot.slice(11, 16)) ?? [], judged?.missed ?? 0, judged?.lastMissed?.why];
  };

  it.each([
    ["last: the newest within the deadline", { missed: "last", deadlineMs: 1_800_000 }, [["03:00"], 17, "late"]],
    ["last: nothing once the deadline is over", { missed: "last", deadlineMs: 60_000 }, [[], 18, "late"]],
    ["skip: nothing, although the deadline is not over", { missed: "skip", deadlineMs: 1_800_000 }, [[], 18, "late"]],
    [
      "all: every one within the deadline",
      { missed: "all", concurrency: "allow", deadlineMs: 1_800_000 },
      [["02:40", "02:50", "03:00"], 15, "late"],
    ],
    [
      "all, one at a time: the oldest within the deadline",
      { missed: "all", deadlineMs: 1_800_000 },
      [["02:40"], 15, "late"],
    ],
  ] as const)("after three hours of downtime, %s", (_name, more, expected) => {
    expect(missed(more, "2026-11-01T03:05:00.000Z")).toEqual(expected);
  });

  it("are counted without being computed one by one after months", () => {
    const judged = judgeSlots(
      memory("2026-01-01T00:00:00.000Z", { pattern: "* * * * *" }),
      new Date("2026-11-01T00:00:30Z"),
    );
    expect(judged?.claimed.map(({ slot }) => slot)).toEqual(["2026-11-01T00:00:00.000Z"]);
  });

  it("are all made one after the other where none may run beside another", () => {
    const first = judgeSlots(
      memory("2026-11-01T00:00:00.000Z", { missed: "all", deadlineMs: 1_800_000 }),
      new Date("2026-11-01T00:35:00Z"),
    );
    const [task] = first?.claimed ?? [];
    if (first === undefined || task === undefined) throw new Error("nothing was claimed");
    const running = settleMade(first, task, task);
    expect(judgeSlots(running, new Date("2026-11-01T00:36:00Z"))).toBeUndefined();
    const ended = { ...running, made: running.made.map((made) => ({ ...made, ended: "Succeeded" as const })) };
    expect(judgeSlots(ended, new Date("2026-11-01T00:37:00Z"))?.claimed.map(({ slot }) => slot.slice(11, 16))).toEqual([
      "00:20",
    ]);
  });

  it.each([
    ["forbid", [], "running"],
    ["allow", ["nightly-202611010010"], undefined],
    ["replace", ["nightly-202611010010"], undefined],
  ] as const)("beside a task that still runs: %s", (concurrency, claimed, why) => {
    const made = { slot: "2026-11-01T00:00:00.000Z", schedule: NIGHTLY, namespace: "default", name: "n", ended: null };
    const before = { ...memory("2026-11-01T00:00:00.000Z", { concurrency }), made: [made] };
    const judged = judgeSlots(before, new Date("2026-11-01T00:10:01Z"));
    expect(judged?.claimed.map(({ name }) => name)).toEqual(claimed);
    expect(judged?.lastMissed?.why).toBe(why);
  });

  it("that pass while it is suspended are neither made nor missed", () => {
    const suspended = judgeSlots(
      memory("2026-11-01T00:00:00.000Z", { suspended: true }),
      new Date("2026-11-01T00:31:00Z"),
    );
    if (suspended === undefined) throw new Error("nothing was judged");
    const resumed = remindSchedule(suspended, NIGHTLY, timing(), "2026-11-01T00:32:00.000Z");
    expect([resumed.nextAt, resumed.missed, resumed.claimed]).toEqual(["2026-11-01T00:40:00.000Z", 0, []]);
  });

  it("of another pattern count from when it was applied, and stay what they were under another name", () => {
    const kept = memory("2026-11-01T00:00:00.000Z", { pattern: "0 7 * * *" });
    const other = timing({ pattern: "0 6 * * *" });
    expect(remindSchedule(kept, NIGHTLY, other, "2026-11-01T06:30:00.000Z").nextAt).toBe("2026-11-02T06:00:00.000Z");
    const renamed = remindSchedule(
      kept,
      "TaskSchedule/default/daily" as Address,
      kept.timing,
      "2026-11-01T08:00:00.000Z",
    );
    expect(renamed).toEqual({ ...kept, address: "TaskSchedule/default/daily" });
  });

  it("stop where a hundred of its tasks have not ended", () => {
    const made = Array.from({ length: 100 }, (_, index) => {
      return {
        slot: new Date(index).toISOString(),
        schedule: NIGHTLY,
        namespace: "default",
        name: `n${index}`,
        ended: null,
      };
    });
    const before = { ...memory("2026-11-01T00:00:00.000Z", { concurrency: "allow" }), made };
    expect(judgeSlots(before, new Date("2026-11-01T00:10:01Z"))).toMatchObject({
      claimed: [],
      missed: 1,
      lastMissed: { why: "full" },
    });
  });

  it("leave the newest tasks of each sort in the history", () => {
    const ended = (["Succeeded", "Failed", "Succeeded", "DeadLetter", "Cancelled", "Succeeded"] as const).map(
      (phase, index) => {
        return {
          slot: new Date(index).toISOString(),
          schedule: NIGHTLY,
          namespace: "default",
          name: `n${index}`,
          ended: phase,
        };
      },
    );
    const before = { ...memory("2026-11-01T00:00:00.000Z", { keepSucceeded: 1, keepFailed: 2 }), made: ended };
    expect(beyondLimits(before).map(({ name }) => name)).toEqual(["n0", "n2", "n1"]);
  });
});

describe("a pattern", () => {
  it.each(["61 * * * *", "0 0 30 2 *", "*/0 * * * *", "5-1 * * * *", "a b c d e"])(
    "that never comes due is told: %s",
    (pattern) => {
      expect(findTimetableProblem({ pattern, zone: "UTC" })).toEqual(expect.any(String));
    },
  );
  it.each(["0 7 * * 1-5", "*/5 * * * *", "@daily", "0 0 29 2 *", "0 7 * * MON-FRI", "0 0 L * *"])(
    "that does is not: %s",
    (pattern) => {
      expect(findTimetableProblem({ pattern, zone: "Europe/Prague" })).toBeUndefined();
    },
  );
});
