import canonicalize from "canonicalize";
import { expect, test } from "vitest";
import { canonicalJson, canonicalMerged, digestOf, digestText } from "../../contracts/canonical.ts";
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

test("writes what is long, and what comes after it, as it writes what is short", () => {
  const long = { z: "ü".repeat(50_000), a: `${"plain ".repeat(500)}\n"`, m: { b: 1, a: ["x".repeat(20_000)] } };
  for (const value of [long, { b: 1, a: 2 }, long, ["é", "e"]]) expect(canonicalJson(value)).toBe(canonicalize(value));
  expect(digestOf(long)).toBe(digestText(canonicalize(long) ?? ""));
});

test("writes what asks for canonical JSON of its own while it is written", () => {
  const nested = { b: { toJSON: () => ({ digest: digestOf({ y: 1, x: 2 }), n: 1 }) }, a: 1 };
  expect(canonicalJson(nested)).toBe(`{"a":1,"b":{"digest":"${digestText('{"x":2,"y":1}')}","n":1}}`);
});

test("merges two objects as if they had been one", () => {
  const fields = fc.dictionary(fc.string(), fc.option(fc.jsonValue(), { nil: undefined }));
  fc.assert(
    fc.property(fields, fields, (under, over) => {
      const said = Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined));
      expect(canonicalMerged(under, over)).toBe(canonicalize({ ...under, ...said }));
    }),
    { numRuns: fc.cases(50) },
  );
});

test("refuses what JSON cannot hold, and what holds itself", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const value of [Number.NaN, Infinity, "\ud800", { "\udc00": 1 }, 1n, undefined, circle]) {
    expect(() => canonicalJson(value)).toThrow();
  }
});
