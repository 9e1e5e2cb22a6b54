// Step 3 and 7: `rules[]` of AgentPolicies that match by tool, model, agent and operation class.
import type { CompiledPolicy, CompiledRule, Entry } from "../compiled.ts";
import { deny, denyBy, type Finding, reasonOf } from "../finding.ts";
import { nameKey, scopedKey, toolKey } from "../names.ts";
import type { DenialCode, OperationClass, Subject, ToolFacts } from "../request.ts";
import { hasKey } from "../scope.ts";

type Target = { readonly model: string } | { readonly tool: ToolFacts };

export function findMatchedRules(policies: readonly CompiledPolicy[], subject: Subject, target: Target): Finding[] {
  return policies.flatMap((policy) =>
    policy.rules.filter((rule) => matches(rule, subject, target)).map((rule) => findingOf(policy, rule, target)),
  );
}

function matches(rule: CompiledRule, subject: Subject, target: Target): boolean {
  if (!allows(rule.agents, scopedKey(subject.namespace, subject.agent))) return false;
  const aboutTools = rule.tools !== null || rule.operationClasses !== null;
  if ("model" in target) return rule.models === null ? !aboutTools : hasKey(rule.models, nameKey(target.model));
  if (!aboutTools) return rule.models === null;
  return allows(rule.tools, toolKey(target.tool.name)) && touches(rule.operationClasses, target.tool.operationClasses);
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
