// fast-check for every property. `npm test` plays the same few thousand cases each time, so that a red run speaks of the
// change and not of luck; every night plays others, and twenty times as many (CONTRIBUTING.md).
import { configureGlobal } from "fast-check";

configureGlobal({ seed: Number(process.env["COUNTWHEEL_TEST_SEED"] ?? 20_261_129) });

/** How many cases a property plays: `count`, times COUNTWHEEL_TEST_CASES. */
export function cases(count: number): number {
  return count * Number(process.env["COUNTWHEEL_TEST_CASES"] ?? 1);
}

export * from "fast-check";
