import canonicalize from "canonicalize";
import { expect, test } from "vitest";
import { canonicalJson } from "../../contracts/canonical.ts";
import * as fc from "../property.ts";

const said = (write: (value: unknown) => string | undefined, value: unknown): string | undefined => {
  try {
    return write(value);
  } catch {
    return undefined;
  }
};

test("writes the same canonical JSON as npm's canonicalize, and refuses what that refuses", () => {
  const values = fc.anything({ withDate: true, withNullPrototype: true, stringUnit: "binary" });
  fc.assert(
    fc.property(values, (value) => {
      expect(said(canonicalJson, value)).toBe(said(canonicalize, value));
    }),
    { numRuns: fc.cases(50) },
  );
});

test.each([
  ["keys in the order of UTF-16 code units", { "\uffff": 1, "\u{1f600}": 2, 10: 3, 9: 4 }],
  ["what must be escaped, and what need not", '"\\\u0000\u001f\u007f\u2028/\n'],
  ["numbers as ECMAScript writes them", [-0, 1e21, 5e-324, 0.1 + 0.2, 1e-7]],
  ["what is undefined", { a: undefined, b: [undefined, null] }],
])("writes %s", (_what, value) => {
  expect(canonicalJson(value)).toBe(canonicalize(value));
});

test("refuses what JSON cannot hold, and what holds itself", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const value of [Number.NaN, Infinity, "\ud800", { "\udc00": 1 }, 1n, undefined, circle]) {
    expect(() => canonicalJson(value)).toThrow();
  }
});
