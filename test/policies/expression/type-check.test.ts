// `when:` against the schemas of tools: what is refused can never hold or never be evaluated, as the evaluator has it.
import { describe, expect, it } from "vitest";
import { Work } from "../../../policies/arguments/work.ts";
import { compileExpression } from "../../../policies/expression/expression.ts";
import { ANY_TOOL, typeCheckOf } from "../../../policies/expression/type-check.ts";
import type { TypesChecked } from "../../../policies/expression/types/check-types.ts";
import { cpuClock } from "../../cpu-clock.ts";
import * as fc from "../../property.ts";

const PAY = {
  type: "object",
  properties: {
    amount: { type: "number" },
    count: { type: "integer" },
    currency: { enum: ["EUR", "USD"] },
    mode: { const: "fast" },
    note: { type: "string" },
    flag: { type: "boolean" },
    to: { type: "array", items: { type: "string" } },
    order: { type: "object", properties: { id: { type: "string" } } },
    items: { type: "array", items: { type: "object", properties: { sku: { type: "string" } } } },
    labels: { type: "object", additionalProperties: { type: "string" } },
    open: { type: "object", properties: { a: { type: "string" } }, additionalProperties: true },
    either: { anyOf: [{ type: "string" }, { type: "null" }] },
    several: { type: ["number", "string"] },
    maybe: { type: "string", nullable: true },
    tree: { $ref: "#/$defs/tree" },
    unknown: {},
    far: { $ref: "https://example.com/schema" },
  },
  required: ["amount"],
  $defs: {
    tree: {
      type: "object",
      properties: { name: { type: "string" }, kids: { type: "array", items: { $ref: "#/$defs/tree" } } },
    },
  },
};

function check(text: string, inputSchema: unknown = PAY): TypesChecked {
  const checked = typeCheckOf(text)?.({ names: ["pay", "default/pay"], inputSchema });
  if (checked === undefined) throw new Error(`no expression: ${text}`);
  return checked;
}

function whys(text: string, inputSchema?: unknown): string[] {
  return check(text, inputSchema).misuses.map(({ text: part, why }) => `${part}: ${why}`);
}

describe("an expression fits its tool", () => {
  it.each([
    "args.amount > 3",
    "args.amount == 3 && args.count >= 2.5",
    "args.amount in [1, 2.5]",
    "args.amount * 2.0 + 1.5 > 10",
    "int(args.count) % 2 == 0",
    "-args.amount < 0",
    'has(args.note) && args.note != "x"',
    'args["amount"] > 1',
    'args.currency == "EUR" || args.currency in ["USD", "GBP"]',
    'args.mode == "fast"',
    "args.flag && !args.flag",
    "args.flag ? args.amount > 1 : args.count > 1",
    '"a" in args.to && args.to.size() > args.count',
    'args.to.all(x, x.endsWith("@example.com"))',
    'args.to.exists_one(x, x == args.note) || args.to.filter(x, x.contains("a")).size() == 1',
    "args.to.map(x, x.size()).exists(n, n > 3)",
    'args.to[0] == "a" && args.items[args.count].sku == "a"',
    'args.items.exists(i, has(i.sku) && i.sku.startsWith("A"))',
    'args.order == {"id": "x"} && "id" in args.order',
    'args.all(name, name in ["amount", "x-trace"])',
    "args.labels.anything == 'x' && args.open.more > 3",
    'args.either == null || args.either == "x"',
    'args.several > 3 || args.several == "x"',
    "args.maybe == null",
    "args.tree.kids[0].kids[0].name == args.tree.name",
    "args.unknown.whatever[2].at > 3 && args.far == 3",
    "size(args.note) > 3 && string(args.amount) == '3'",
    "args.order.id == input.order && 'write' in operation_classes",
    "timestamp(args.note) > timestamp('2026-01-01T00:00:00Z')",
    "args.amount > 5u",
  ])("%s", (text) => {
    expect(whys(text)).toEqual([]);
  });

  it.each([
    "tool == 'other' && args.kind == 'x'",
    "args.kind == 'x' && tool in ['other', 'another']",
    "tool != 'pay' ? args.kind == 'x' : args.amount > 1",
    "!(tool == 'pay' || args.kind == 'x')",
    "tool == 'default/pay' || args.kind == 'x'",
  ])("where a part that does not is about other tools: %s", (text) => {
    expect(whys(text)).toEqual([]);
  });
});

describe("an expression does not fit its tool", () => {
  it.each([
    ["args.amont > 3.0", "args.amont: `amont` is not there"],
    ["has(args.amont) && args.amont > 3", "args.amont: `amont` is not there"],
    ['args["amont"] > 1', 'args["amont"]: `amont` is not there'],
    ['"amont" in args', '"amont" in args: there is no `amont`'],
    ["args.order.idd == 'x'", "args.order.idd: `idd` is not there"],
    ["args.items.exists(i, i.skuu == 'a')", "i.skuu: `skuu` is not there"],
    ["args.tree.kids[0].kids[0].nam == 'x'", "args.tree.kids[0].kids[0].nam: `nam` is not there"],
    ["has(args.note.text)", "args.note.text: a string has no fields"],
    ["args.items.sku == 'a'", "args.items.sku: a list has no fields"],
    ['args.amount == "x"', 'args.amount == "x": a number is compared with a string, so it never holds'],
    ['"x" != args.amount', '"x" != args.amount: a string is compared with a number, so it always holds'],
    ["args.note == null", "args.note == null: a string is compared with null, so it never holds"],
    ['args.currency == "EURO"', 'args.currency == "EURO": it never holds'],
    ['args.currency in ["EURO"]', 'args.currency in ["EURO"]: it never holds'],
    ["'slow' == args.mode", "'slow' == args.mode: it never holds"],
    ['args.amount > "3"', 'args.amount > "3": CEL has no `>` for a number and a string'],
    ["args.amount * 2 > 10", "args.amount * 2: CEL has no `*` for a number and an integer"],
    ["args.count % 2 == 0", "args.count % 2: CEL has no `%` for a number and an integer"],
    ["1 in args.to", "1 in args.to: an integer is never in a list of which each is a string"],
    ["'a' in args.note", "'a' in args.note: a string holds nothing by `in`"],
    ["args.amount in []", "args.amount in []: a number is never in an empty list"],
    ["args.note.exists(x, x == 'a')", "args.note.exists(x, x == 'a'): `exists` walks a list, and this is a string"],
    ["args.to.all(x, args.amount)", "args.amount: it is a number, not true or false"],
    ["args.to.map(x, x + 1.0).size() > 1", "x + 1.0: CEL has no `+` for a string and a number"],
    ["args.amount.startsWith('a')", "args.amount.startsWith('a'): a number has no `startsWith` with a string"],
    [
      "args.note.startsWith(args.amount)",
      "args.note.startsWith(args.amount): a string has no `startsWith` with a number",
    ],
    ["size(args.amount) > 2", "size(args.amount): `size` does not take a number"],
    ["args.to['a'] == 'x'", "args.to['a']: a list has no fields"],
    ["args.order[0] == 'x'", "args.order[0]: an object has nothing at an integer"],
    ["args.note && true", "args.note: it is a string, not true or false"],
    ["!args.note", "args.note: it is a string, not true or false"],
    ["args.amount ? true : false", "args.amount: it is a number, not true or false"],
    ["args.amount", "args.amount: it is a number, not true or false"],
    ["-args.note == 'x'", "args.note: it is a string, no number"],
  ])("%s", (text, why) => {
    expect(whys(text)).toEqual([why]);
  });

  it.each([
    ["'delet' in operation_classes", "'delet' in operation_classes: it never holds"],
    ["args.x + 1 > 3", "args.x + 1: CEL has no `+` for any value of JSON and an integer"],
  ])("whatever the tool: %s", (text, why) => {
    const found = typeCheckOf(text)?.(ANY_TOOL).misuses ?? [];
    expect(found.map(({ text: part, why: reason }) => `${part}: ${reason}`)).toEqual([why]);
  });

  it("tells all that is wrong at once", () => {
    expect(whys("args.amont > 1 || args.note > 2 || args.to.exists(x, x == 3)")).toHaveLength(3);
  });

  it("says when it is about no tool that the rule names", () => {
    expect(["tool == 'other'", "tool == 'pay'", "false", "args.flag"].map((text) => check(text).never)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});

describe("a schema that says little", () => {
  it.each([
    ["says nothing", {}],
    ["has no properties", { type: "object" }],
    ["allows others", { type: "object", properties: { a: {} }, additionalProperties: true }],
    ["names others by patterns", { type: "object", properties: { a: {} }, patternProperties: { "^x": {} } }],
    ["adds some elsewhere", { type: "object", properties: { a: {} }, allOf: [{ properties: { amont: {} } }] }],
    ["is a choice of open ones", { anyOf: [{ type: "object" }, { type: "object", properties: {} }] }],
    ["is somewhere else", { $ref: "other.json" }],
    ["goes in circles", { $ref: "#" }],
    ["is none", "text"],
  ])("judges no field: it %s", (_, schema) => {
    expect(whys("args.amont == 3", schema)).toEqual([]);
  });

  it.each([
    ["only narrows", { type: "object", properties: { amount: {} }, anyOf: [{ required: ["amount"] }] }],
    ["is a choice of closed ones", { oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] }],
    ["refers to one that is closed", { $ref: "#/$defs/a", $defs: { a: { properties: { a: {} } } } }],
  ])("judges fields: it %s", (_, schema) => {
    expect(whys("args.amont == 3", schema)).toEqual(["args.amont: `amont` is not there"]);
  });
});

/** What the evaluator makes of `left operator right`, both arguments of these values. */
function evaluated(operator: string, left: unknown, right: string): string {
  const compiled = compileExpression(
    `args.left ${operator} ${right}${"+-*/%".includes(operator) ? " == args.left" : ""}`,
  );
  if (compiled.outcome === "refused") return "refused";
  return compiled.expression.holds({ ...CONTEXT, args: { left } }, new Work());
}

const CONTEXT = {
  tool: "pay",
  operation_classes: ["write"],
  model: "",
  agent: "a",
  system: "s",
  task: "t",
  input: { order: "a" },
};

describe("the types of operators", () => {
  const values: readonly (readonly [string, unknown])[] = [
    ["string", "a"],
    ["number", 1],
    ["boolean", true],
    ["null", null],
    ["array", ["a"]],
    ["object", { a: "a" }],
  ];
  // But for a list in an object, which to the evaluator is its text.
  const literals = ['"a"', "1", "1.0", "true", "null", '["a"]', "[1]", '{"a": "a"}'];
  const operators = ["<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"];

  it.each(operators)("are those of the evaluator for %s", (operator) => {
    const differ = values.flatMap(([type, left]) =>
      literals.flatMap((right) => {
        const text = `args.left ${operator} ${right}${"+-*/%".includes(operator) ? " == args.left" : ""}`;
        if (compileExpression(text).outcome === "refused" || (type === "array" && right.startsWith("{"))) return [];
        const refused = whys(text, { properties: { left: { type, items: { type: "string" } } } }).length > 0;
        const answer = evaluated(operator, left, right);
        // `1 in ["a"]` is no mistake to the evaluator, but never true.
        const isFit = operator === "in" ? answer === "yes" : answer !== "unsure";
        const isSame = refused !== isFit || (operator === "in" && answer === "no");
        return isSame ? [] : [`${type} ${operator} ${right}: ${answer}`];
      }),
    );
    expect(differ).toEqual([]);
  });

  it("never let pass a comparison that the evaluator always answers alike", () => {
    const equal = values.flatMap(([type]) =>
      literals.map((right) => {
        const refused = whys(`args.left == ${right}`, { properties: { left: { type } } }).length > 0;
        const some = values.filter(([other]) => other === type).map(([, left]) => evaluated("==", left, right));
        return [refused, some.includes("yes")];
      }),
    );
    expect(equal.filter(([refused, isEver]) => refused === true && isEver === true)).toEqual([]);
    expect(equal.filter(([refused]) => refused !== true)).toHaveLength(8);
  });
});

describe("what is refused", () => {
  const path = fc.constantFrom(
    "args",
    "args.amount",
    "args.amont",
    'args["amount"]',
    "args.count",
    "args.currency",
    "args.either",
    "args.flag",
    "args.items",
    "args.items[0].sku",
    "args.labels.x",
    "args.mode",
    "args.note",
    "args.open.b",
    "args.order",
    "args.order.id",
    "args.order.idd",
    "args.several",
    "args.to",
    "args.to[0]",
    "args.unknown",
    "input.order",
  );
  const literal = fc.constantFrom(
    "1",
    "2.0",
    '"a"',
    '"EUR"',
    '"fast"',
    "true",
    "null",
    "[1, 2]",
    '["a"]',
    '{"id": "a"}',
  );
  const { term } = fc.letrec<{ term: string }>((tie) => ({
    term: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      path,
      literal,
      fc
        .tuple(tie("term"), fc.constantFrom("+", "-", "*", "/", "%"), tie("term"))
        .map((parts) => `(${parts.join(" ")})`),
      fc.tuple(fc.constantFrom("size", "int", "double", "string"), tie("term")).map(([name, of]) => `${name}(${of})`),
      fc
        .tuple(tie("term"), fc.constantFrom(".size()", ".lowerAscii()", "[0]", ".id"))
        .map(([of, more]) => `${of}${more}`),
    ),
  }));
  const compared = fc
    .tuple(term, fc.constantFrom("==", "<", ">=", "in"), term)
    .map(([left, operator, right]) => `${left} ${operator} ${right}`);
  const item = fc.constantFrom("x", "x.sku", "x.size()");
  const walked = fc
    .tuple(path, fc.constantFrom("exists", "all", "exists_one"), item, fc.constantFrom("==", ">", "in"), term)
    .map(([of, macro, left, operator, right]) => `${of}.${macro}(x, ${left} ${operator} ${right})`);
  const test = fc.oneof(
    compared,
    walked,
    path.map((of) => `has(${of})`),
    path,
  );
  const expression = fc.array(test, { minLength: 1, maxLength: 3 }).map((tests) => tests.join(" && "));

  const text = fc.constantFrom("a", "b");
  const args = fc.record(
    {
      amount: fc.constantFrom(1, 2, 0.5),
      count: fc.constantFrom(0, 1, 2),
      currency: fc.constantFrom("EUR", "USD"),
      mode: fc.constant("fast"),
      note: text,
      flag: fc.boolean(),
      to: fc.array(text, { minLength: 1, maxLength: 2 }),
      order: fc.record({ id: text }),
      items: fc.array(fc.record({ sku: text }), { minLength: 1, maxLength: 2 }),
      labels: fc.record({ x: text }),
      open: fc.record({ a: text, b: fc.constantFrom(1, "a", null) }),
      either: fc.option(text),
      several: fc.constantFrom(1, 2, "a"),
      unknown: fc.constantFrom(1, "a", true, [1], { id: "a" }),
    },
    { requiredKeys: ["amount", "to", "order", "items"] },
  );

  it("holds for no call that fits the tool's schema", () => {
    fc.assert(
      fc.property(expression, args, (when, values) => {
        const compiled = compileExpression(when);
        if (compiled.outcome === "refused") return;
        const context = { ...CONTEXT, args: values };
        if (compiled.expression.holds(context, new Work()) === "yes") expect(whys(when)).toEqual([]);
      }),
      { numRuns: fc.cases(3_000) },
    );
  });

  it("is told of any schema, and never throws", () => {
    const word = fc.constantFrom(
      "type",
      "properties",
      "items",
      "anyOf",
      "$ref",
      "enum",
      "const",
      "allOf",
      "required",
      "a",
    );
    const name = fc.constantFrom("object", "array", "string", "#", "#/properties/a", "#/$defs/x");
    const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
      schema: fc.oneof(
        { depthSize: "medium" },
        name,
        fc.constantFrom(null, true, 3),
        fc.array(tie("schema"), { maxLength: 3 }),
        fc.dictionary(word, tie("schema"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(schema, expression, (inputSchema, when) => {
        const checked = typeCheckOf(when)?.({ names: ["pay"], inputSchema });
        expect(checked === undefined || Array.isArray(checked.misuses)).toBe(true);
      }),
      { numRuns: fc.cases(500) },
    );
  });
});

describe("the time that a check takes", () => {
  const LONGEST = balanced(Array.from({ length: 24 }, () => "args.a.b.c[0] == args.d"));
  const many = (count: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: "string" }]));
  // As many as one manifest can hold.
  const texts = Array.from({ length: 15_000 }, (_, index) => `v${index}`);

  it.each([
    ["a circle of choices", { anyOf: Array.from({ length: 1_000 }, () => ({ $ref: "#" })) }],
    ["choices within choices", { properties: { a: nested(12) } }],
    ["10,000 fields", { properties: many(10_000) }],
    ["15,000 values", { properties: { a: { properties: { b: { enum: texts } } }, d: { enum: texts } } }],
    [
      "values as many as are compared",
      { properties: { d: { enum: texts.slice(0, 1_000) } }, additionalProperties: true },
    ],
  ])("is short for %s", (_, schema) => {
    const times = Array.from({ length: 5 }, () => {
      const spentMs = cpuClock();
      check(LONGEST, schema);
      return spentMs();
    });
    expect(Math.min(...times)).toBeLessThan(50);
  });

  function balanced(tests: readonly string[]): string {
    const half = Math.ceil(tests.length / 2);
    return tests.length === 1
      ? (tests[0] ?? "")
      : `(${balanced(tests.slice(0, half))} && ${balanced(tests.slice(half))})`;
  }

  function nested(depth: number): unknown {
    if (depth === 0) return { type: "object" };
    const inner = nested(depth - 1);
    return { anyOf: [inner, inner, inner, inner] };
  }
});
