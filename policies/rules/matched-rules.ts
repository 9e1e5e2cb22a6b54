// Step 3 and 7: `rules[]` of AgentPolicies that match by tool, model, agent and operation class.
import type { CompiledPolicy, CompiledRule, Entry } from "../compiled.ts";
import { deny, denyBy, type Finding, reasonOf } from "../finding.ts";
import { nameKey, toolKey } from "../names.ts";
import type { DenialCode, OperationClass, ToolFacts } from "../request.ts";
import { hasKey, type SubjectKeys } from "../scope.ts";

type Target = { readonly model: string } | { readonly tool: ToolFacts };

export function findMatchedRules(policies: readonly CompiledPolicy[], subject: SubjectKeys, target: Target): Finding[] {
  const key = "model" in target ? nameKey(target.model) : toolKey(target.tool.name);
  return policies.flatMap((policy) =>
    policy.rules.filter((rule) => matches(rule, subject, target, key)).map((rule) => findingOf(policy, rule, target)),
  );
}

/** A rule that names tools and models is about both; one that names neither is about everything. */
function matches(rule: CompiledRule, subject: SubjectKeys, target: Target, key: string): boolean {
  if (!allows(rule.agents, subject.agent)) return false;
  if ("model" in target) return rule.models === null ? !rule.aboutTools : hasKey(rule.models, key);
  if (!rule.aboutTools) return rule.models === null;
  return allows(rule.tools, key) && touches(rule.operationClasses, target.tool.operationClasses);
}

function allows(entries: readonly Entry[] | null, key: string): boolean {
  return entries === null || hasKey(entries, key);
}

/** A tool that names no class may do anything. */
export function touches(rule: readonly OperationClass[] | "any" | null, tool: readonly OperationClass[]): boolean {
  return rule === null || rule === "any" || tool.length === 0 || tool.some((operation) => rule.includes(operation));
}

function findingOf(policy: CompiledPolicy, rule: CompiledRule, target: Target): Finding {
  const path = "model" in target ? "model" : "tool";
  const name = "model" in target ? target.model : target.tool.name;
  if (rule.unevaluable !== null) return deny(policy.address, "POLICY_ERROR", rule.rule, rule.unevaluable, path);
  const message = rule.message ?? `a rule says ${rule.effect} for \`${name}\``;
  const code: DenialCode = path === "model" ? "MODEL_NOT_ALLOWED" : "TOOL_BLOCKED";
  switch (rule.effect) {
    case "deny":
      return denyBy(policy, code, rule.rule, message, path);
    case "ask":
      return {
        effect: "ask",
        code: "APPROVAL_REQUIRED",
        policy,
        reason: reasonOf(policy.address, rule.rule, message, path),
      };
    case "allow":
      return { effect: "allow", policy, reason: reasonOf(policy.address, rule.rule, message, path) };
  }
}
