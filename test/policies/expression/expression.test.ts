import { describe, expect, it } from "vitest";
import { Work } from "../../../policies/arguments/work.ts";
import { compileExpression, type ExpressionContext } from "../../../policies/expression/expression.ts";

function context(args: Readonly<Record<string, unknown>> = {}): ExpressionContext {
  return {
    args,
    tool: "pay",
    operation_classes: ["write"],
    model: "",
    agent: "writer",
    system: "reports",
    task: "weekly",
    input: { order: "A-17" },
  };
}

function answer(text: string, args?: Readonly<Record<string, unknown>>): string {
  const compiled = compileExpression(text);
  return compiled.outcome === "compiled" ? compiled.expression.holds(context(args), new Work()) : compiled.why;
}

describe("an expression", () => {
  it.each([
    ["args.amount > 100", { amount: 500 }, "yes"],
    ["args.amount > 100.5", { amount: 100 }, "no"],
    ["args.to.all(x, x.endsWith('@example.com'))", { to: ["a@example.com"] }, "yes"],
    ["args.to.exists(x, !(x in ['a', 'b']))", { to: ["a", "c"] }, "yes"],
    ["args.order == input.order && 'write' in operation_classes", { order: "A-17" }, "yes"],
    ["args.url.re2('https://[a-z.]+/.*')", { url: "https://a.example/x" }, "yes"],
    ["args.url.re2('example')", { url: "https://a.example/x" }, "no"],
    ["has(args.a) || tool == 'pay'", {}, "yes"],
  ])("%s of %j: %s", (text, args, expected) => {
    expect(answer(text, args)).toBe(expected);
  });

  it.each([
    ["args.missing == 1", {}],
    ["args.amount > 100", { amount: "500" }],
    ["args.amount > 100", { amount: null }],
    ["args.__proto__ == args.constructor", {}],
    ["args.amount", { amount: 5 }],
    ["args.big == 'x'", { big: "x".repeat(20_000) }],
    ["args.list.size() > 3", { list: Array.from({ length: 65 }, () => 1) }],
  ])("%s of %j cannot be told", (text, args) => {
    expect(answer(text, args)).toBe("unsure");
  });

  it.each([
    ["args.amount >", "is no CEL"],
    ["amount > 1", "Unknown variable"],
    ["1 + 1", "is a int, not true or false"],
    ["tool > 5", "is no valid CEL"],
    ["args.x.matches('(a+)+$')", "may not use `matches`"],
    ["args.x.re2(args.y)", "needs a literal RE2 pattern"],
    ["args.x.re2('(?=a)')", "needs a literal RE2 pattern"],
    ["args.l.all(x, args.l.all(y, x == y))", "has `all` inside another one"],
    ["args.l.map(x, args.l.filter(y, y == x)).size() > 1", "has `filter` inside another one"],
    ["args.l.exists(x, x.re2('a+'))", "could take too long"],
    ["cel.bind(x, args, x == x)", "may not use `bind`"],
    ["args.l.join(',') == 'x'", "may not use `join`"],
    [`${"(".repeat(60)}true${")".repeat(60)}`, "is no CEL"],
    [Array.from({ length: 200 }, () => "true").join("&&"), "is no CEL"],
    ["x".repeat(3_000), "is longer than"],
  ])("is refused when it is %s", (text, why) => {
    expect(answer(text)).toContain(why);
  });

  it("says what it is about", () => {
    const about = (text: string): boolean => {
      const compiled = compileExpression(text);
      return compiled.outcome === "compiled" && compiled.expression.aboutTools;
    };
    expect([about("args.x == 1"), about("tool == 'x'"), about("agent == 'x'"), about("model == 'x'")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
