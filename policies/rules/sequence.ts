// Step 3: calls that must come after others, or may not. What counts is the whole task, whichever agent called.
import type { CompiledPolicy, Entry, SequenceRule } from "../compiled.ts";
import { denyBy, type Finding } from "../finding.ts";
import { matchesPattern, toolKey } from "../names.ts";
import type { GateRequest, ToolFacts } from "../request.ts";
import { hasKey } from "../scope.ts";

type BeforeTool = Extract<GateRequest, { point: "before_tool" }>;

export function findSequence(policies: readonly CompiledPolicy[], request: BeforeTool): Finding[] {
  const findings: Finding[] = [];
  for (const policy of policies) {
    // Few policies have any, and this is asked at each call.
    if (policy.sequence.length === 0) continue;
    for (const rule of sequenceRulesFor(policy, request.tool)) findings.push(...findingsOf(policy, rule, request));
  }
  return findings;
}

/** The rules that are about this tool, whatever was called before. */
export function sequenceRulesFor(policy: CompiledPolicy, { name }: ToolFacts): readonly SequenceRule[] {
  return policy.sequence.filter(({ tools }) => hasKey(tools, toolKey(name)));
}

function findingsOf(policy: CompiledPolicy, rule: SequenceRule, { tool, history }: BeforeTool): Finding[] {
  if (history === undefined) {
    const message = `nobody knows what was called before, so \`${rule.rule}\` cannot be evaluated`;
    return [denyBy(policy, "POLICY_ERROR", rule.rule, message)];
  }
  const name = `\`${tool.name}\``;
  const [succeeded, begun] = [history.succeeded.map(toolKey), history.begun.map(toolKey)];
  const missing = rule.requiresBefore.filter((entry) => !isAmong(succeeded, entry));
  const met = rule.notAfter.filter((entry) => isAmong(begun, entry));
  return [
    ...missing.map(({ text }) => `${name} may be called only after \`${text}\` has succeeded in this task`),
    ...met.map(({ text }) => `${name} may not be called after \`${text}\` in one task`),
  ].map((said) => denyBy(policy, "FLOW_VIOLATION", rule.rule, worded(rule, said), "history"));
}

function isAmong(keys: readonly string[], { pattern }: Entry): boolean {
  return keys.some((key) => matchesPattern(pattern, key));
}

function worded({ message }: SequenceRule, said: string): string {
  return message === null ? said : `${message}: ${said}`;
}
