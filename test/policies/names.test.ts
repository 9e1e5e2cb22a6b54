// Patterns with `*`, and that no pattern is slow.

import { expect, it } from "vitest";
import { compilePattern, matchesPattern, toolKey } from "../../policies/names.ts";
import { cpuClock } from "../cpu-clock.ts";
import * as fc from "../property.ts";

it.each([
  ["a", "a", true],
  ["a", "ab", false],
  ["*", "", true],
  ["a*", "a", true],
  ["*b", "ab", true],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "acb", false],
  ["ab*ba", "aba", false],
  ["**", "anything", true],
])("`%s` on `%s`: %s", (pattern, key, expected) => {
  expect(matchesPattern(compilePattern(pattern), key)).toBe(expected);
});

it("matches as the same pattern would as a regular expression", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });
  const keys = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  fc.assert(
    fc.property(letters, keys, (pattern, key) => {
      const expression = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
      expect(matchesPattern(compilePattern(pattern), key)).toBe(expression.test(key));
    }),
  );
});

it("stays fast on patterns that make backtracking explode", () => {
  const pattern = compilePattern(`${"*a".repeat(2_000)}b`);
  const spentMs = cpuClock();
  expect(matchesPattern(pattern, "a".repeat(20_000))).toBe(false);
  expect(spentMs()).toBeLessThan(200);
});

it("compares tools without case, namespace, and the difference between `_`, `.` and `-`", () => {
  expect(new Set(["fs_read", "FS.Read", " fs-read ", "prod/fs_read"].map(toolKey))).toEqual(new Set(["fs-read"]));
});
