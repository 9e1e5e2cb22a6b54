// `when:` of rules that cannot be meant: where it is told, and for which tools.
import { expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { KIT } from "../../reading-kit.ts";
import { errorCodes, file, load, told } from "./files.ts";

const tool = (name: string, schema: string): string =>
  `kind: Tool\nmetadata: {name: ${name}}\nspec:\n  endpoint: https://x.example\n  input_schema: ${schema}\n`;
const PAY =
  "{type: object, properties: {amount: {type: number}, order: {properties: {id: {type: string}}}, list: {type: array, items: {properties: {sku: {}}}}}}";
const REFUND = tool("stripe.refund", PAY);
const policy = (rule: string): string =>
  `kind: AgentPolicy\nmetadata: {name: p}\nspec:\n  apply_mode: global\n  rules:\n    - ${rule}\n`;
const rule = (when: string, tools = "[stripe.refund]"): string =>
  policy(`match: {tools: ${tools}}\n      when: ${when}`);

it("tells a field that the tool does not have, at the condition, with the nearest one", async () => {
  const result = await load(REFUND, rule("has(args.amont) && args.amont > 3"));
  expect(result.problems).toMatchObject([
    {
      severity: "error",
      code: "SCHEMA",
      summary: "AgentPolicy `p` judges the argument `amont`, which Tool `stripe.refund` does not have",
      detail: "Did you mean `amount`, declared at 1.yaml:5:44?",
      address: "AgentPolicy/default/p",
      file: "2.yaml",
      line: 7,
      column: 13,
      related: { file: "1.yaml", line: 5, column: 44 },
    },
  ]);
});

it("tells what no call can meet, with what to write instead", async () => {
  const wrong = async (when: string): Promise<unknown[]> =>
    (await load(REFUND, rule(when))).problems.map(({ summary, detail }) => [summary, detail]);
  expect(await wrong(`'args.amount == "x"'`)).toEqual([
    [
      'AgentPolicy `p` cannot judge calls of Tool `stripe.refund` by `args.amount == "x"`: a number is compared with a string, so it never holds',
      "Its arguments are declared at 1.yaml:5:17.",
    ],
  ]);
  expect(await wrong("args.amount * 2 > 3")).toEqual([
    [
      "AgentPolicy `p` cannot judge calls by `args.amount * 2`: CEL has no `*` for any value of JSON and an integer",
      "All numbers of JSON are doubles, which CEL does not mix with integers: write `2.0` for `2`, or put `int(…)` around the argument.",
    ],
  ]);
});

it.each([
  ["every tool that the rule names", "args.amont > 3", "[stripe.refund, mail.send]", 2],
  ["a tool in another spelling", "args.amont > 3", "[Stripe_Refund]", 1],
  ["no single tool of a pattern", "args.amont > 3", "['stripe.*']", 0],
  ["no tool of a server", "args.amont > 3", "[crm--read]", 0],
  ["no tool without a schema", "args.amont > 3", "[bare]", 0],
  ["no tool that takes others", "args.amont > 3", "[open]", 0],
  ["what is wrong for any tool, where none is named", "args.amont + 1 > 3", "['*']", 1],
  ["nothing where the condition is no CEL, beyond that", "args.amont >", "[stripe.refund]", 1],
])("judges %s", async (_, when, tools, count) => {
  const result = await load(
    REFUND,
    tool("mail.send", "{properties: {to: {type: string}}}"),
    tool("open", "{properties: {to: {}}, additionalProperties: {type: number}}"),
    "kind: Tool\nmetadata: {name: bare}\nspec: {endpoint: https://x.example}\n",
    "kind: McpServer\nmetadata: {name: crm}\nspec: {transport: stdio, command: x}\n",
    rule(when, tools),
  );
  expect(errorCodes(result)).toEqual(Array.from({ length: count }, () => "SCHEMA"));
});

it("warns of a condition about tools that its rule does not name", async () => {
  const mail = tool("mail.send", "{}");
  expect(told(await load(REFUND, mail, rule("tool == 'mail.send'")))).toEqual([
    "warning SCHEMA 7:13 AgentPolicy `p` has a condition that never holds for the tools that its rule is about",
  ]);
  expect(told(await load(REFUND, rule("tool == 'stripe.refund' && args.amount > 3")))).toEqual([]);
});

it("judges conditions anew when only the tool changes", async () => {
  const loader = createLoader({}, KIT);
  const condition = file("p.yaml", rule("args.total > 3"));
  const before = await loader.load([file("t.yaml", REFUND), condition]);
  const after = await loader.load([file("t.yaml", REFUND.replace("amount", "total")), condition]);
  expect([errorCodes(before), errorCodes(after)]).toEqual([["SCHEMA"], []]);
});

it.each([
  ["order.idd", ["judges the argument `order.idd`"]],
  ["/order/idd", ["judges the argument `order.idd`"]],
  ["list.0.skuu", ["judges the argument `list.0.skuu`"]],
  ["amount.x", ["judges the argument `amount.x`"]],
  ["order.id", []],
  ["list.0.sku", []],
])("follows the path of an argument rule into objects and lists: %s", async (path, expected) => {
  const result = await load(REFUND, policy(`match: {tools: [stripe_refund]}\n      must: {${path}: {equals: x}}`));
  expect(result.problems.map(({ summary }) => summary)).toEqual(expected.map((part) => expect.stringContaining(part)));
});

it.each([
  [
    'match: {tools: [stripe.refund], arguments: {amount: "100"}}',
    'judges the argument `amount` of Tool `stripe.refund`, which is a number: it is never "100"',
  ],
  [
    "match: {tools: [stripe.refund]}\n      must: {order.id: {glob: a, at_most: 3}}",
    "judges the argument `order.id` of Tool `stripe.refund`, which is a string: `at_most` is for numbers",
  ],
  [
    "match: {tools: [stripe.refund]}\n      must: {list: {all: {fields: {skuu: x}}}}",
    "judges the argument `list` of Tool `stripe.refund`, which is a list: it has no `skuu` (in `all.fields`)",
  ],
  [
    "match: {arguments: {n: {greater_than: 5, less_than: 3}}}",
    "wants of the argument `n` what nothing is: `greater_than: 5` and `less_than: 3`",
  ],
])("tells a matcher that is true of nothing: %s", async (text, expected) => {
  expect(told(await load(REFUND, policy(text)))).toEqual([
    expect.stringMatching(/^error SCHEMA [67]:\d+ AgentPolicy `p` /),
  ]);
  expect((await load(REFUND, policy(text))).problems[0]?.summary).toContain(expected);
});
