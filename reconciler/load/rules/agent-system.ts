// Rules of AgentSystems that no schema can tell: conditions that can be evaluated, joins that can open.
import { CONDITION_LIMITS } from "../../../contracts/graph.ts";
import type { AgentSystemSpec } from "../../../contracts/kinds/agent-system.ts";
import { escapePointer } from "../../../contracts/sensitive.ts";
import { compileRe2 } from "../../../policies/re2.ts";
import { quote } from "../finding.ts";
import type { Remarks } from "./remarks.ts";

type Node = NonNullable<AgentSystemSpec["graph"]>[string];
type Edge = NonNullable<Node["edges"]>[number];
type Condition = NonNullable<Edge["condition"]>;

const OPERATORS = ["equals", "not_equals", "contains", "greater_than", "less_than"] as const;

export function checkAgentSystem(spec: AgentSystemSpec, remarks: Remarks): void {
  if (spec.agents.length === 0) remarks.complain("/agents", "the system has no agents", "Nothing would run.");
  for (const [index, agent] of spec.agents.entries()) {
    if (spec.agents.indexOf(agent) < index) remarks.complain(`/agents/${index}`, `${quote(agent)} is listed twice`);
  }
  for (const [agent, node] of Object.entries(spec.graph ?? {}))
    checkNode(node, `/graph/${escapePointer(agent)}`, remarks);
}

function checkNode(node: Node, pointer: string, remarks: Remarks): void {
  const edges = node.edges ?? [];
  for (const [index, { condition }] of edges.entries()) {
    if (condition !== undefined) checkCondition(condition, `${pointer}/edges/${index}/condition`, remarks);
  }
  const defaults = edges.flatMap(({ condition }, index) => (condition?.default === true ? [index] : []));
  if (defaults.length > 1) {
    remarks.refuse(`${pointer}/edges/${defaults[1]}/condition/default`, "the node has two defaults", "Keep one.");
  }
  if (node.join?.mode === "quorum" && node.join.quorum_count === undefined && node.join.quorum_percent === undefined) {
    remarks.complain(`${pointer}/join`, "a quorum needs `quorum_count` or `quorum_percent`");
  }
}

function checkCondition(condition: Condition, pointer: string, remarks: Remarks): void {
  const operators = OPERATORS.filter((operator) => condition[operator] !== undefined);
  const { output_json_path: path, output_matches: pattern } = condition;
  if (path === undefined && operators.length > 0) {
    remarks.refuse(
      pointer,
      `\`${operators[0]}\` needs \`output_json_path\``,
      "Say which value of the output is meant.",
    );
  }
  if (path !== undefined && operators.length === 0) {
    remarks.refuse(pointer, "`output_json_path` needs an operator", `Add one of ${OPERATORS.join(", ")}.`);
  }
  if (condition.default === true && Object.keys(condition).length > 1) {
    remarks.refuse(`${pointer}/default`, "a default stands alone", "Take the other fields away, or the default.");
  }
  if (pattern !== undefined) checkPattern(pattern, `${pointer}/output_matches`, remarks);
}

function checkPattern(pattern: string, pointer: string, remarks: Remarks): void {
  if (compileRe2(pattern, CONDITION_LIMITS.pattern) !== undefined) return;
  const detail =
    "RE2 has no look-around and no back-references, so that no text can make it hang; neither can it repeat more than " +
    `500 times (\`{1,500}\`), or be longer than ${CONDITION_LIMITS.pattern} characters.`;
  remarks.refuse(pointer, `${quote(pattern)} is no RE2 pattern`, detail);
}
