import { expect, it } from "vitest";
import { nextDelayMs } from "../../../runner/agent/backoff.ts";
import * as fc from "../../property.ts";

const backoff = { maxAttempts: 4, backoffMs: 100, maxBackoffMs: 1_000 };

it("doubles its ceiling with each failure, up to the bound, and then gives up", () => {
  const ceilings = [1, 2, 3, 4].map((failures) => nextDelayMs(backoff, failures, undefined, 0.999_999));
  expect(ceilings).toEqual([100, 200, 400, undefined]);
});

it("never waits less than the other side asked for, and refuses to wait for too long", () => {
  expect(nextDelayMs(backoff, 1, 700, 0)).toBe(700);
  expect(nextDelayMs(backoff, 1, 5_000, 0)).toBeUndefined();
});

it("keeps every wait within the bound", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, random) => {
      const delayMs = nextDelayMs({ ...backoff, maxAttempts: 100 }, failures, undefined, random);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThanOrEqual(backoff.maxBackoffMs);
    }),
  );
});
