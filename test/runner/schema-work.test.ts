// Schemas come from servers that nobody vouches for, and from manifests: none makes a check of arguments go on for long.
import { describe, expect, it } from "vitest";
import { compileSchema } from "../../runner/foreign-schema.ts";
import { isCheckable, measureSchema } from "../../runner/schema-work.ts";

/** Each definition is twice the next one. */
function doubling(levels: number): Record<string, unknown> {
  const twice = (level: number) => ({ allOf: [{ $ref: `#/$defs/d${level}` }, { $ref: `#/$defs/d${level}` }] });
  const levelsOf = Array.from({ length: levels }, (_, level) => [
    `d${level}`,
    level + 1 < levels ? twice(level + 1) : { type: "object" },
  ]);
  return { ...twice(0), $defs: Object.fromEntries(levelsOf) };
}

const TREE = {
  type: "object",
  properties: { name: { type: "string" }, below: { type: "array", items: { $ref: "#" } } },
  required: ["name"],
};

describe("a schema that is never checked", () => {
  it.each([
    ["doubles forty times", doubling(40)],
    ["is itself", { $ref: "#" }],
    [
      "leads back to itself by way of two others",
      {
        allOf: [{ $ref: "#/$defs/a" }],
        $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { not: { $ref: "#/$defs/a" } } },
      },
    ],
    [
      "leads back to itself from within a part",
      { properties: { x: { $ref: "#/$defs/a" } }, $defs: { a: { if: { $ref: "#/$defs/a" } } } },
    ],
    ["refers to elsewhere", { $ref: "https://example.com/schema" }],
    ["gives itself a name", { $defs: { a: { $anchor: "here" } }, $ref: "#here" }],
  ])("%s", (_, schema) => {
    expect(measureSchema(schema)).toBeUndefined();
    expect(compileSchema(schema)).toBeNull();
  });
});

it("checks a tree, and what doubles a few times", () => {
  const check = compileSchema({
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: "https://example.com/tree",
    ...TREE,
  });
  expect(check?.({ name: "a", below: [{ name: "b" }] }, "the arguments")).toBeUndefined();
  expect(check?.({ name: "a", below: [{}] }, "the arguments")).toContain(
    "`/below/0` must have required property 'name'",
  );
  expect(compileSchema(doubling(8))?.([], "the arguments")).toContain("must be object");
});

describe("a value that is too large for its schema", () => {
  const items = (count: number) => Array.from({ length: count }, (_, index) => ({ index }));

  it("is told so, and not checked: every item would be compared with every other", () => {
    const schema = { type: "object", properties: { list: { type: "array", uniqueItems: true } } };
    const check = compileSchema(schema);
    expect(check?.({ list: items(100) }, "the arguments")).toBeUndefined();
    expect(check?.({ list: items(5_000) }, "the arguments")).toBe("the arguments are too large to be checked");
  });

  it("counts what is in it", () => {
    expect(isCheckable({ size: 100, comparesItems: false }, items(5_000))).toBe(true);
    expect(isCheckable({ size: 1_000, comparesItems: false }, items(5_000))).toBe(false);
  });
});

it("lets patterns accept a text that is too long for them, and judges short ones", () => {
  const check = compileSchema({ type: "string", pattern: "^(a|b){0,200}$" });
  expect(check?.("abc", "the text")).toContain("must match pattern");
  expect(check?.("c".repeat(100_000), "the text")).toBeUndefined();
});
