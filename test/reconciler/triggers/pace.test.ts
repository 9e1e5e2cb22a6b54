// The pace of looks that were rung for, and the jitter of those that were not.
import { describe, expect, it } from "vitest";
import { Pace, withJitter } from "../../../reconciler/triggers/pace.ts";

const LIMITS = { firstMs: 500, longestMs: 4_000 };

describe("the pace of looks", () => {
  it("lets the first ring be looked at at once, and those of a storm ever later", () => {
    const pace = new Pace(LIMITS);
    const looks: number[] = [];
    // A ring every 50 ms, for ten seconds, and what is left over after them.
    for (let now = 0; now <= 10_000; now += 50) {
      if (pace.delayMs(now) > 0) continue;
      pace.noteLook(now);
      looks.push(now);
    }
    expect(looks).toEqual([0, 500, 1_500, 3_500, 7_500]);
    expect(pace.delayMs(10_000)).toBe(1_500);
  });

  it("takes a storm for a storm although each look takes long", () => {
    const pace = new Pace(LIMITS);
    const looks: number[] = [];
    for (let now = 0; now < 20_000; now += pace.delayMs(now)) {
      pace.noteLook(now);
      looks.push(now);
      now += 2_000;
      pace.noteEnd(now);
    }
    expect(looks).toEqual([0, 2_500, 5_500, 9_500, 15_500]);
  });

  it("looks at once at each of pushes that come one by one", () => {
    const pace = new Pace(LIMITS);
    for (const now of [0, 5_000, 10_000, 15_000]) {
      expect(pace.delayMs(now)).toBe(0);
      pace.noteLook(now);
    }
  });

  it("polls a tenth earlier or later", () => {
    expect([0, 0.5, 1].map((random) => withJitter(30_000, () => random))).toEqual([27_000, 30_000, 33_000]);
  });
});
