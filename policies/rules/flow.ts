// Step 3: data that may not reach a tool. Whoever has read data of all the labels that a rule names may not call what the
// rule is about, whatever the arguments are: nobody can tell what a model puts into them.
import type { CompiledPolicy, FlowRule, ToolMatch } from "../compiled.ts";
import { denyBy, type Finding, reasonOf } from "../finding.ts";
import { nameKey, toolKey } from "../names.ts";
import type { CarriedLabel, GateRequest, ToolFacts } from "../request.ts";
import { hasKey } from "../scope.ts";
import { touches } from "./matched-rules.ts";

type BeforeTool = Extract<GateRequest, { point: "before_tool" }>;

export function findFlow(policies: readonly CompiledPolicy[], { tool, carried }: BeforeTool): Finding[] {
  const findings: Finding[] = [];
  for (const policy of policies) {
    // Few policies have any, and this is asked at each call.
    if (policy.flow.length === 0) continue;
    const origins = originsOf(policy, carried ?? []);
    const rules = flowRulesFor(policy, tool).filter(({ data }) => data.every((label) => origins.has(label)));
    findings.push(...rules.map((rule) => findingOf(policy, rule, tool, origins)));
  }
  return findings;
}

/** The rules that are about this tool, whatever its caller has read. */
export function flowRulesFor(policy: CompiledPolicy, tool: ToolFacts): readonly FlowRule[] {
  return policy.flow.filter(({ to }) => isTo(to, tool));
}

/** Label → where it came from. */
function originsOf({ inputLabels }: CompiledPolicy, carried: readonly CarriedLabel[]): Map<string, string> {
  const origins = new Map<string, string>();
  for (const { label, from } of carried) origins.set(nameKey(label), from);
  for (const label of inputLabels) if (!origins.has(label)) origins.set(label, "the task's input");
  return origins;
}

function isTo({ tools, operationClasses, sendsTo }: ToolMatch, tool: ToolFacts): boolean {
  if (tools !== null && !hasKey(tools, toolKey(tool.name))) return false;
  if (!touches(operationClasses, tool.operationClasses)) return false;
  return sendsTo === null || (tool.data?.sendsTo ?? []).some((label) => hasKey(sendsTo, nameKey(label)));
}

function findingOf(
  policy: CompiledPolicy,
  { rule, data, message, declassify }: FlowRule,
  tool: ToolFacts,
  origins: ReadonlyMap<string, string>,
): Finding {
  const came = data.map((label) => `\`${label}\` came with ${origins.get(label) ?? "nobody knows what"}`).join(", ");
  const said = `${message ?? `what the agent has read may not go to \`${tool.name}\``}: ${came}`;
  if (declassify === null) return denyBy(policy, "FLOW_VIOLATION", rule, said, "carried");
  const reason = reasonOf(policy.address, rule, said, "carried");
  return { effect: "ask", code: "APPROVAL_REQUIRED", policy, reason, approval: declassify };
}
