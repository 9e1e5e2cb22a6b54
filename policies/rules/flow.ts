// Step 3: data that may not reach a tool. Whoever has read data of all the labels that a rule names may not call what the
// rule is about, whatever the arguments are: nobody can tell what a model puts into them.
import { isAboutReading } from "../compile/flow.ts";
import type { CompiledPolicy, FlowRule, ToolMatch } from "../compiled.ts";
import { denyBy, type Finding, reasonOf } from "../finding.ts";
import { nameKey, toolKey } from "../names.ts";
import type { CarriedLabel, GateRequest, ToolFacts } from "../request.ts";
import { hasKey, type SubjectKeys } from "../scope.ts";
import { touches } from "./matched-rules.ts";

type BeforeTool = Extract<GateRequest, { point: "before_tool" }>;

export function findFlow(
  policies: readonly CompiledPolicy[],
  keys: SubjectKeys,
  { tool, carried = [] }: BeforeTool,
): Finding[] {
  const findings: Finding[] = [];
  for (const policy of policies) {
    // Few policies have any, and this is asked at each call.
    if (policy.flow.length === 0) continue;
    const said = `what the agent has read may not go to \`${tool.name}\``;
    findings.push(...findMet(policy, flowRulesFor(policy, keys, tool), carried, said));
  }
  return findings;
}

/** After a call, and before an agent begins: what it may not read at all. */
export function findReading(
  policies: readonly CompiledPolicy[],
  keys: SubjectKeys,
  carried: readonly CarriedLabel[] = [],
): Finding[] {
  const said = "the agent may not read this";
  return policies.flatMap((policy) => findMet(policy, readingRulesFor(policy, keys), carried, said));
}

/** The rules that are about calls of this tool by this agent, whatever it has read. */
export function flowRulesFor(policy: CompiledPolicy, keys: SubjectKeys, tool: ToolFacts): readonly FlowRule[] {
  return policy.flow.filter(({ to }) => !isAboutReading(to) && isBy(to, keys) && isTo(to, tool));
}

/** The rules that are about what this agent may read. */
export function readingRulesFor(policy: CompiledPolicy, keys: SubjectKeys): readonly FlowRule[] {
  return policy.flow.filter(({ to }) => isAboutReading(to) && isBy(to, keys));
}

function findMet(
  policy: CompiledPolicy,
  rules: readonly FlowRule[],
  carried: readonly CarriedLabel[],
  said: string,
): Finding[] {
  if (rules.length === 0) return [];
  const origins = originsOf(policy, carried);
  return rules
    .filter(({ data }) => data.every((label) => origins.has(label)))
    .map((rule) => findingOf(policy, rule, said, origins));
}

/** Label → where it came from. */
function originsOf({ inputLabels }: CompiledPolicy, carried: readonly CarriedLabel[]): Map<string, string> {
  const origins = new Map<string, string>();
  for (const { label, from } of carried) origins.set(nameKey(label), from);
  for (const label of inputLabels) if (!origins.has(label)) origins.set(label, "the task's input");
  return origins;
}

function isBy({ agents }: ToolMatch, { agent }: SubjectKeys): boolean {
  return agents === null || hasKey(agents, agent);
}

function isTo({ tools, operationClasses, sendsTo }: ToolMatch, tool: ToolFacts): boolean {
  if (tools !== null && !hasKey(tools, toolKey(tool.name))) return false;
  if (!touches(operationClasses, tool.operationClasses)) return false;
  return sendsTo === null || (tool.data?.sendsTo ?? []).some((label) => hasKey(sendsTo, nameKey(label)));
}

function findingOf(
  policy: CompiledPolicy,
  { rule, data, message, declassify }: FlowRule,
  said: string,
  origins: ReadonlyMap<string, string>,
): Finding {
  const came = data.map((label) => `\`${label}\` came with ${origins.get(label) ?? "nobody knows what"}`).join(", ");
  const text = `${message ?? said}: ${came}`;
  if (declassify === null) return denyBy(policy, "FLOW_VIOLATION", rule, text, "carried");
  const reason = reasonOf(policy.address, rule, text, "carried");
  return { effect: "ask", code: "APPROVAL_REQUIRED", policy, reason, approval: declassify };
}
