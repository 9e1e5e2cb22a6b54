// Matchers against the schema of a tool, and against themselves: what is told is never true of anything.
import { describe, expect, it } from "vitest";
import { compileMatcher } from "../../../policies/arguments/compile-matcher.ts";
import { findContradictions } from "../../../policies/arguments/contradiction.ts";
import { findMisfits } from "../../../policies/arguments/misfit.ts";
import { Work } from "../../../policies/arguments/work.ts";
import { typeOfSchema } from "../../../policies/expression/types/schema-type.ts";
import * as fc from "../../property.ts";

const SCHEMAS = {
  number: { type: "number" },
  integer: { type: "integer" },
  string: { type: "string" },
  currency: { enum: ["EUR", "USD"] },
  boolean: { type: "boolean" },
  texts: { type: "array", items: { type: "string" } },
  order: { type: "object", properties: { id: { type: "string" } } },
  either: { type: ["string", "null"] },
  anything: {},
} as const;
type SchemaName = keyof typeof SCHEMAS;

function misfits(schema: SchemaName, matcher: unknown): string[] {
  return findMisfits(matcher, typeOfSchema(SCHEMAS[schema])).map(({ words, why }) => `${words.join(".")}: ${why}`);
}

function holds(matcher: unknown, value: unknown): string | undefined {
  const facts = { input: { order: "a" }, realPath: (): undefined => undefined, work: new Work() };
  return compileMatcher(matcher, "r", [])?.holds(value, facts);
}

describe("a matcher", () => {
  it.each<[SchemaName, unknown, string[]]>([
    ["number", "100", [': it is never "100"']],
    ["number", { equals: "100" }, ['equals: it is never "100"']],
    ["number", { not_equals: null }, ["not_equals: it is never null"]],
    ["number", ["1", "2", "3", "4", "5"], [': it is never "1" or "2" or "3" or "4" or …']],
    ["currency", { one_of: ["EURO", "DOLLAR"] }, ['one_of: it is never "EURO" or "DOLLAR"']],
    ["number", { glob: "1*" }, ["glob: `glob` is for strings"]],
    ["string", { at_most: 5 }, ["at_most: `at_most` is for numbers"]],
    ["string", { type: "integer" }, ["type: it is never of type integer"]],
    ["string", { all: { glob: "a*" } }, ["all: `all` is for lists"]],
    ["texts", { all: { at_most: 3 } }, ["all.at_most: `at_most` is for numbers"]],
    ["texts", { argv: { starts_with: ["git"] }, url_host: ["a"] }, ["url_host: `url_host` is for strings"]],
    ["order", { fields: { idd: "x" } }, ["fields.idd: it has no `idd`"]],
    ["order", { fields: { id: 5 } }, ["fields.id: it is never 5"]],
    ["number", { not: { matches: "a" } }, ["not.matches: `matches` is for strings"]],
    ["boolean", { max_length: 3 }, ["max_length: `max_length` is for strings and lists"]],
  ])("that does not fit a %s: %j", (schema, matcher, expected) => {
    expect(misfits(schema, matcher)).toEqual(expected);
  });

  it.each<[SchemaName, unknown]>([
    ["integer", { equals: 5, at_most: 10, type: "number" }],
    ["currency", ["EUR", "GBP"]],
    ["currency", { glob: "E*" }],
    ["either", { equals: null }],
    ["texts", { min_length: 1, any: "x", only_fields_of: [] }],
    ["number", { equals_input: "amount", optional: true }],
    ["anything", { at_most: 3, glob: "a" }],
    ["order", { equals: { id: "x" } }],
  ])("that fits a %s: %j", (schema, matcher) => {
    expect(misfits(schema, matcher)).toEqual([]);
  });

  const values: Readonly<Record<SchemaName, fc.Arbitrary<unknown>>> = {
    number: fc.constantFrom(0.5, 1, 2),
    integer: fc.constantFrom(0, 1, 2),
    string: fc.constantFrom("a", "b", "/a/b", "select 1", "https://a.example/"),
    currency: fc.constantFrom("EUR", "USD"),
    boolean: fc.boolean(),
    texts: fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 2 }),
    order: fc.constantFrom({ id: "a" }, { id: "b" }),
    either: fc.constantFrom("a", null),
    anything: fc.constantFrom(1, "a", null, ["a"], { id: "a" }),
  };
  const plain = fc.constantFrom<unknown>(0.5, 1, "a", "EUR", "1", true, null, ["a"], { id: "a" });
  const word = fc.oneof(
    fc.tuple(fc.constantFrom("equals"), plain),
    fc.tuple(fc.constantFrom("one_of"), fc.array(plain, { minLength: 1, maxLength: 3 })),
    fc.tuple(fc.constantFrom("greater_than", "at_least", "less_than", "at_most"), fc.constantFrom(0, 1, 2)),
    fc.tuple(fc.constantFrom("min_length", "max_length"), fc.constantFrom(1, 2)),
    fc.tuple(
      fc.constantFrom("type"),
      fc.constantFrom("string", "number", "integer", "boolean", "list", "object", "null"),
    ),
    fc.tuple(fc.constantFrom("glob", "not_glob", "matches", "not_matches"), fc.constantFrom("a", "E.*", "*")),
    fc.constantFrom<[string, unknown]>(
      ["path_within", ["/a"]],
      ["url_host", ["a.example"]],
      ["sql", ["select"]],
      ["argv", { starts_with: ["a"] }],
      ["equals_input", "order"],
      ["only_fields", ["id"]],
    ),
  );
  const leaf = fc.oneof(
    plain,
    word.map(([name, wanted]) => ({ [name]: wanted })),
  );
  const matcher = fc.oneof(
    leaf,
    fc.tuple(word, word).map((words) => Object.fromEntries(words)),
    fc.tuple(fc.constantFrom("all", "any"), leaf).map(([name, wanted]) => ({ [name]: wanted })),
    fc.tuple(fc.constantFrom("id", "idd"), leaf).map(([name, wanted]) => ({ fields: { [name]: wanted } })),
  );
  const judged = fc
    .constantFrom(...(Object.keys(SCHEMAS) as SchemaName[]))
    .chain((schema) => fc.tuple(fc.constant(schema), values[schema]));

  it("that does not fit is true of no value that the schema allows", () => {
    fc.assert(
      fc.property(matcher, judged, (spec, [schema, value]) => {
        if (holds(spec, value) === "yes") expect(misfits(schema, spec)).toEqual([]);
      }),
      { numRuns: fc.cases(2_000) },
    );
  });

  it("that contradicts itself is true of nothing", () => {
    const bounds = fc.dictionary(
      fc.constantFrom("greater_than", "at_least", "less_than", "at_most", "equals", "min_length", "max_length"),
      fc.integer({ min: 0, max: 3 }),
      { minKeys: 2, maxKeys: 3 },
    );
    const value = fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constantFrom(0.5, 1.5, 2.5, "", "a", "aaa", ["a"]));
    fc.assert(
      fc.property(bounds, value, (spec, given) => {
        if (holds(spec, given) === "yes") expect(findContradictions(spec)).toEqual([]);
      }),
      { numRuns: fc.cases(2_000) },
    );
  });

  it.each([
    [{ greater_than: 5, less_than: 3 }, ["less_than: `greater_than: 5` and `less_than: 3`"]],
    [{ at_least: 5, at_most: 5 }, []],
    [{ at_least: 5, less_than: 5 }, ["less_than: `at_least: 5` and `less_than: 5`"]],
    [{ all: { min_length: 3, max_length: 2 } }, ["all.max_length: `min_length: 3` and `max_length: 2`"]],
    [{ fields: { n: { equals: 9, at_most: 5 } } }, ["fields.n.at_most: `equals: 9` and `at_most: 5`"]],
  ])("is judged by itself: %j", (spec, expected) => {
    expect(findContradictions(spec).map(({ words, text }) => `${words.join(".")}: ${text}`)).toEqual(expected);
  });
});
