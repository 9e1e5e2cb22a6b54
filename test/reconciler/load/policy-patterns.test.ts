// Rules about tools that a pattern stands for, which judge arguments that none of these has.
import { expect, it } from "vitest";
import type { KindName } from "../../../contracts/address.ts";
import type { Manifest } from "../../../contracts/manifest.ts";
import { checkPolicyArguments } from "../../../reconciler/load/check-policy-arguments.ts";
import { checkPolicyConditions } from "../../../reconciler/load/check-policy-conditions.ts";
import { checkPolicyPatterns } from "../../../reconciler/load/check-policy-patterns.ts";
import { type Declaration, Declared } from "../../../reconciler/load/declared.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { file, load } from "./files.ts";

const tool = (name: string, schema: string, namespace = "default"): string =>
  `kind: Tool\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec:\n  endpoint: https://x.example\n  input_schema: ${schema}\n`;
const PAY = "{type: object, properties: {amount: {type: number}}}";
const policy = (rule: string): string =>
  `kind: AgentPolicy\nmetadata: {name: p}\nspec:\n  apply_mode: global\n  rules:\n    - ${rule}\n`;
const amont = (tools: string): string => policy(`match: {tools: ${tools}, arguments: {amont: 3}}\n      effect: deny`);
const warnings = async (...texts: string[]): Promise<(string | number)[][]> =>
  (await load(...texts)).problems.map(({ severity, summary, detail, line }) => [severity, summary, detail, line]);

it("tells an argument that none of them has, with the nearest that one of them has", async () => {
  const said = "AgentPolicy `p` judges the argument `amont`, which no Tool has that `stripe.*` stands for";
  const expected = ["warning", said, "Did you mean `amount`?"];
  const [first = [], ...more] = await warnings(
    tool("stripe.refund", PAY),
    tool("Stripe_Pay", PAY),
    amont('["stripe.*"]'),
  );
  expect([first.slice(0, 3), more]).toEqual([expected, []]);
  const when = policy(`match: {tools: ["stripe.*"]}\n      when: args.amont > 3.0\n      effect: deny`);
  expect((await warnings(tool("stripe.refund", PAY), when)).map((each) => each.slice(0, 3))).toEqual([expected]);
  const must = policy(`match: {tools: ["stripe.*"]}\n      must: {amont: {less_than: 3}}`);
  expect((await warnings(tool("stripe.refund", PAY), must)).map((each) => each.slice(0, 3))).toEqual([expected]);
});

it.each([
  ["one of them has it", tool("stripe.odd", "{type: object, properties: {amont: {}}}"), '["stripe.*"]'],
  [
    "one of them, in another namespace, has it",
    tool("stripe.odd", "{properties: {amont: {}}}", "shop"),
    '["stripe.*"]',
  ],
  ["one of them takes others", tool("stripe.open", "{type: object, additionalProperties: true}"), '["stripe.*"]'],
  [
    "one of them has no schema",
    "kind: Tool\nmetadata: {name: stripe.bare}\nspec: {endpoint: https://x.example}\n",
    '["stripe.*"]',
  ],
  [
    "a server may offer more of them",
    "kind: McpServer\nmetadata: {name: stripe}\nspec: {transport: http, endpoint: https://x.example}\n",
    '["stripe*"]',
  ],
  ["tools of ours are among them", tool("memorable", PAY), '["mem*"]'],
  ["it stands for any tool", tool("other", PAY), '["*"]'],
])("says nothing where %s", async (_what, other, tools) => {
  const found = await warnings(tool("stripe.refund", PAY), other, amont(tools));
  expect(found.filter(([, summary]) => String(summary).includes("judges the argument"))).toEqual([]);
});

it("is judged again when a tool comes, goes, or changes", async () => {
  const loader = createLoader();
  const files = (...tools: string[]) => [
    file("p.yaml", amont('["stripe.*"]')),
    ...tools.map((text, index) => file(`${index}.yaml`, text)),
  ];
  const count = async (...tools: string[]) =>
    (await loader.load(files(...tools))).problems.filter(({ summary }) => summary.includes("judges the argument"))
      .length;
  const HAS = tool("stripe.odd", "{properties: {amont: {}}}");
  expect(await count(tool("stripe.refund", PAY))).toBe(1);
  expect(await count(tool("stripe.refund", PAY), HAS)).toBe(0);
  expect(await count(tool("stripe.refund", PAY), tool("stripe.odd", PAY))).toBe(1);
  expect(await count(tool("stripe.refund", "{properties: {amont: {}}}"))).toBe(0);
  expect(await count()).toBe(0);
});

it("looks into so many tools and no more, however many rules and tools there are", () => {
  let looks = 0;
  const locate = () => ({ file: "x.yaml", line: 1, column: 1 });
  const metadata = { namespace: "default", labels: {}, annotations: {} };
  const declare = (kind: KindName, name: string, spec: Readonly<Record<string, unknown>>): Declaration => ({
    address: `${kind}/default/${name}`,
    valid: true,
    locate,
    get manifest(): Manifest {
      if (kind === "Tool") looks += 1;
      return { apiVersion: "countwheel.dev/v1", kind, metadata: { ...metadata, name }, spec };
    },
  });
  const schema = { type: "object", properties: { amount: { type: "number" } } };
  const tools = Array.from({ length: 300 }, (_, index) => declare("Tool", `t${index}`, { input_schema: schema }));
  const named = tools.map(({ address }) => address.slice("Tool/default/".length));
  const check = (run: typeof checkPolicyPatterns, names: readonly string[]): number => {
    const match = { tools: names, arguments: { amont: 1 } };
    const rules = Array.from({ length: 100 }, () => ({ match, when: "args.amont > 3.0", effect: "deny" }));
    const policy = declare("AgentPolicy", "p", { apply_mode: "global", rules });
    const declared = new Declared(new Map([...tools, policy].map((each) => [each.address, each])));
    looks = 0;
    return declared.inquire(() => run(policy, declared)).answer.length;
  };
  check(checkPolicyPatterns, ["t*"]);
  expect(looks).toBeLessThan(1_000);
  // Those that it names are looked up, 30,000 of them; what is judged of them is bounded.
  expect(check(checkPolicyArguments, named)).toBeLessThanOrEqual(3_000);
  expect(check(checkPolicyConditions, named)).toBeLessThanOrEqual(100);
});
