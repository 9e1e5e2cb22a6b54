// Arguments against schemas that come from servers nobody vouches for.
import { expect, it } from "vitest";
import { createArgumentCheck } from "../../../runner/gate/arguments.ts";
import { cpuClock } from "../../cpu-clock.ts";

function problemOf(
  inputSchema: Readonly<Record<string, unknown>>,
  args: Readonly<Record<string, unknown>>,
): string | undefined {
  return createArgumentCheck().problem({ name: "t", description: "", inputSchema }, "sha256:x", args);
}

it.each([
  ["what fits", { properties: { n: { type: "integer" } } }, { n: 1 }, undefined],
  ["a wrong type", { properties: { n: { type: "integer" } } }, { n: "1" }, "`/n` must be integer"],
  ["a missing field", { required: ["n"] }, {}, "the arguments must have required property 'n'"],
  [
    "a field too many",
    { additionalProperties: false },
    { x: 1 },
    "the arguments must NOT have additional properties (`x`)",
  ],
  [
    "a schema of 2020-12",
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      properties: { n: { prefixItems: [{ type: "string" }] } },
    },
    { n: [1] },
    "`/n/0` must be string",
  ],
  [
    "a schema of draft-07",
    { $schema: "http://json-schema.org/draft-07/schema#", properties: { n: { items: [{ type: "string" }] } } },
    { n: [1] },
    "`/n/0` must be string",
  ],
  ["a schema that is broken", { type: "no-such-type", properties: 7 }, { n: 1 }, undefined],
  ["a reference to nowhere", { $ref: "https://nowhere.test/x" }, { n: 1 }, undefined],
  ["a pattern beyond RE2", { properties: { n: { pattern: "(?=x)y" } } }, { n: "z" }, undefined],
])("says of %s what is wrong", (_, schema, args, expected) => {
  expect(problemOf(schema, args)).toBe(expected);
});

it("does not let a pattern explode", () => {
  const spentMs = cpuClock();
  expect(problemOf({ properties: { n: { pattern: "^(a+)+$" } } }, { n: `${"a".repeat(40)}!` })).toContain("/n");
  expect(spentMs()).toBeLessThan(500);
});

it("does not mistake names of the prototype for fields", () => {
  expect(problemOf({ required: ["toString", "__proto__"] }, {})).toContain("toString");
});
