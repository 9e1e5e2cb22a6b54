// Rules of which each part may hold, and never all of them: told as warnings, where they stand.
import { expect, it } from "vitest";
import { load, MODEL, told } from "./files.ts";

const SET = [
  MODEL,
  "kind: Tool\nmetadata: {name: pay}\nspec: {endpoint: https://x.example, risk_level: high, sends_to: [bank]}\n",
  "kind: Tool\nmetadata: {name: look}\nspec: {endpoint: https://x.example}\n",
  "kind: McpServer\nmetadata: {name: crm}\nspec: {transport: stdio, command: x, tool_facts: {'*': {returns: [private]}}}\n",
  "kind: Tool\nmetadata: {name: far}\nspec: {type: mcp, mcp_server_ref: crm, mcp_tool_name: far}\n",
  ...["clerk", "boss"].map((name) => `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m}\n`),
  "kind: AgentSystem\nmetadata: {name: desk}\nspec: {agents: [clerk]}\n",
  "kind: Agent\nmetadata: {name: guest, namespace: other}\nspec: {model_ref: default/m}\n",
];

const policy = (spec: string): string =>
  `apiVersion: countwheel.dev/v1\nkind: AgentPolicy\nmetadata: {name: p}\nspec: ${spec}\n`;

const ruled = (rule: string): string => `{apply_mode: global, rules: [${rule}]}`;
const flowing = (to: string): string => `{apply_mode: global, flow: [{data: [private], to: ${to}}]}`;

it.each([
  [
    ruled("{match: {tools: [pay], operation_classes: [delete, admin]}}"),
    "SCHEMA 4:78 AgentPolicy `p` has a rule that never holds: `write` is all that its tools are",
  ],
  [
    flowing("{tools: [look], sends_to: [bank]}"),
    "SCHEMA 4:83 AgentPolicy `p` has a rule that never holds: none of its tools sends there",
  ],
  [
    `{target_systems: [desk], target_agents: [boss], blocked_tools: [pay]}`,
    "SCHEMA 4:47 AgentPolicy `p` holds for nothing: none of its `target_agents` is in its `target_systems`",
  ],
  [
    `{target_systems: [desk], rules: [{match: {agents: [boss]}}]}`,
    "SCHEMA 4:57 AgentPolicy `p` has a rule that never holds: the policy is about none of its agents",
  ],
  [
    `{apply_mode: global, target_agents: [clerk], rules: [{match: {agents: [default/boss]}}]}`,
    "SCHEMA 4:77 AgentPolicy `p` has a rule that never holds: the policy is about none of its agents",
  ],
  [
    `{apply_mode: global, sequence: [{tools: [look, pay], requires_before: [PAY]}]}`,
    "SCHEMA 4:54 AgentPolicy `p` wants `pay` before itself, so it can never be called",
  ],
  [
    ruled(`{when: 'agent == "clrek"'}`),
    "DANGLING_REFERENCE 4:43 AgentPolicy `p` compares `agent` with `clrek`, which no Agent is called",
  ],
  [
    ruled(`{when: '"Pay" == tool || tool in ["look", "pay"]'}`),
    "DANGLING_REFERENCE 4:43 AgentPolicy `p` compares `tool` with `Pay`, which no Tool is called",
  ],
  [
    ruled(`{when: 'model == "mokc"'}`),
    "DANGLING_REFERENCE 4:43 AgentPolicy `p` compares `model` with `mokc`, which no ModelEndpoint has",
  ],
])("warns of %s", async (spec, expected) => {
  expect(told(await load(...SET, policy(spec)))).toEqual([`warning ${expected}`]);
});

it.each([
  ruled("{match: {tools: [pay, look], operation_classes: [read]}}"),
  ruled("{match: {tools: [far], operation_classes: [admin]}}"),
  ruled("{match: {tools: [crm--drop, look], operation_classes: [write]}}"),
  ruled("{match: {tools: ['*'], operation_classes: [admin]}}"),
  ruled("{match: {tools: [look], operation_classes: ['*']}}"),
  flowing("{tools: [pay], sends_to: ['b*']}"),
  "{target_systems: [desk], target_agents: [clerk]}",
  "{target_systems: [desk], rules: [{match: {agents: [clerk, boss]}}]}",
  "{target_agents: ['c*'], rules: [{match: {agents: [boss]}}]}",
  "{apply_mode: global, sequence: [{tools: [pay], requires_before: [look], not_after: [pay]}]}",
  ruled(`{when: 'agent in ["guest", "clerk"] && system == "desk" && task == "any" && tool != "crm--x"'}`),
  ruled(`{when: 'tool == "memory.write" || model == "mock" || tool == "" || agent == args.agent'}`),
])("says nothing of %s", async (spec) => {
  expect(told(await load(...SET, policy(spec)))).toEqual([]);
});
