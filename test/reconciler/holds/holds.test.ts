// Who may hold the reconciler back: freeze windows, suspensions, and what a rollback leaves behind.
import { describe, expect, it } from "vitest";
import type { FreezeWindow } from "../../../contracts/environment.ts";
import type { RolledBack } from "../../../contracts/holds.ts";
import { findFreezeProblem, findFrozenHold, frozenText } from "../../../reconciler/holds/frozen.ts";
import { findRolledBackHold, rolledBackText } from "../../../reconciler/holds/rolled-back.ts";
import { blockSuspended, findSuspendedHold, suspensionText } from "../../../reconciler/holds/suspended.ts";
import { manifest, observed, plan, source } from "../plan/builders.ts";

const HOUR = 3_600_000;
const weekend: FreezeWindow = {
  cron: "0 18 * * 5",
  durationMs: 62 * HOUR,
  zone: "Europe/Berlin",
  reason: "nobody is there at the weekend",
};
const at = (text: string): Date => new Date(text);

describe("a freeze window", () => {
  it.each([
    ["before it opens", "2026-10-23T15:59:59.999Z", false],
    ["at the moment that it opens", "2026-10-23T16:00:00.000Z", true],
    ["in the middle, across the end of daylight saving time", "2026-10-25T12:00:00.000Z", true],
    ["right before it closes", "2026-10-26T05:59:59.999Z", true],
    ["at the moment that it closes", "2026-10-26T06:00:00.000Z", false],
  ])("%s", (_when, now, frozen) => {
    expect(findFrozenHold([weekend], at(now)) !== undefined).toBe(frozen);
  });

  it("tells its reason and its end; of several the one that closes last", () => {
    const release: FreezeWindow = { cron: "0 12 24 10 *", durationMs: HOUR, zone: "UTC", reason: "release" };
    const hold = findFrozenHold([release, weekend], at("2026-10-24T12:30:00Z"));
    expect(hold).toEqual({
      why: "frozen",
      reason: "nobody is there at the weekend",
      since: "2026-10-23T16:00:00.000Z",
      until: "2026-10-26T06:00:00.000Z",
    });
    expect(hold && frozenText(hold)).toContain("until 2026-10-26T06:00:00.000Z: nobody is there");
  });

  it.each([
    [{ ...weekend, cron: "0 99 * * 5" }, "cannot be evaluated"],
    [{ ...weekend, cron: "* * * * * *" }, "five fields"],
    [{ ...weekend, cron: "" }, "five fields"],
    [{ ...weekend, zone: "Nowhere/Else" }, "no time zone"],
  ])("that cannot be evaluated freezes, and says why: %o", (window, problem) => {
    expect(findFreezeProblem(window)).toContain(problem);
    expect(findFrozenHold([window], at("2026-10-20T12:00:00Z"))).toMatchObject({
      until: null,
      reason: expect.stringContaining(problem),
    });
  });

  it("that says something has no problem", () => expect(findFreezeProblem(weekend)).toBeUndefined());
});

describe("a suspension", () => {
  const suspension = { by: "ada", since: "2026-11-01T10:00:00.000Z", reason: "the model is down" };
  const a = manifest("Agent", "a", { model_ref: "m", prompt: "new" });
  const was = manifest("Agent", "a", { model_ref: "m", prompt: "old" });
  const b = manifest("Agent", "b");

  it("of an environment holds everything, with who, when and why", () => {
    expect(findSuspendedHold(null)).toBeUndefined();
    expect(findSuspendedHold(suspension)).toEqual({ why: "suspended", ...suspension });
    expect(suspensionText(suspension)).toBe("suspended by ada since 2026-11-01T10:00:00.000Z: the model is down");
  });

  it("of a resource blocks its changes, its move away, and nothing else; an older reason stays", () => {
    const { changes } = plan({ source: source([a, b]), observed: observed([was]) });
    const blocked = blockSuspended(changes, new Map([[a.address, suspension]]));
    expect(blocked.map((change) => [change.address, change.blocked?.code])).toEqual([
      [a.address, "SUSPENDED"],
      [b.address, undefined],
    ]);
    const [first] = changes;
    if (first === undefined) throw new Error("no change");
    const moved = { ...first, address: b.address, previousAddress: a.address };
    expect(blockSuspended([moved], new Map([[a.address, suspension]]))[0]?.blocked?.code).toBe("SUSPENDED");
    const guarded = { ...first, blocked: { code: "PREVENT_PRUNE", message: "guarded" } };
    expect(blockSuspended([guarded], new Map([[a.address, suspension]]))).toEqual([guarded]);
    expect(blockSuspended(changes, new Map())).toBe(changes);
  });
});

describe("after a rollback the branch", () => {
  const back: RolledBack = { to: 3, serial: 6, by: "ada", since: "2026-11-01T10:00:00.000Z", against: "c5" };
  const now = { headSha: "c5", applied: "c3", history: "fast-forward" } as const;

  it("is held where it stands, with who, when and what", () => {
    const hold = findRolledBackHold(back, now);
    expect(hold).toMatchObject({ why: "rolled-back", to: 3, by: "ada", against: "c5", head: "c5" });
    expect(hold && rolledBackText(hold)).toMatch(/ada rolled back to #3 .*still stands at c5.*countwheel resume/);
  });

  it("goes on with a commit on top", () => {
    expect(findRolledBackHold(back, { ...now, headSha: "c6" })).toBeUndefined();
  });

  it.each(["forced", "unrelated"] as const)("waits for a word where it was rewritten (%s)", (history) => {
    const hold = findRolledBackHold(back, { ...now, headSha: "c4", history });
    expect(hold && rolledBackText(hold)).toContain("does not follow c5");
  });

  it("is free again once somebody applied it by hand, or where nothing was rolled back", () => {
    expect(findRolledBackHold(back, { ...now, applied: "c5" })).toBeUndefined();
    expect(findRolledBackHold(null, now)).toBeUndefined();
  });

  it("that is a working tree waits for a word", () => {
    const hold = findRolledBackHold({ ...back, against: null }, { headSha: null, applied: null, history: "first" });
    expect(hold && rolledBackText(hold)).toContain("countwheel resume");
  });
});
