// Rules of AgentPolicies and ToolPermissions that no schema can tell.
import type { AgentPolicySpec } from "../../../contracts/kinds/agent-policy.ts";
import type { ToolPermissionSpec } from "../../../contracts/kinds/tool-permission.ts";
import { MATCHER_WORDS } from "../../../policies/arguments/compile-matcher.ts";
import { compilePolicy } from "../../../policies/compile/policy.ts";
import type { SpecError } from "../../../policies/compiled.ts";
import { nearMatch } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";

export function checkAgentPolicy(spec: AgentPolicySpec, remarks: Remarks): void {
  const targets = [...(spec.target_systems ?? []), ...(spec.target_tasks ?? []), ...(spec.target_agents ?? [])];
  if (spec.apply_mode !== "global" && targets.length === 0) {
    const detail = "Name `target_systems`, `target_tasks` or `target_agents`, or write `apply_mode: global`.";
    remarks.complain("", "the policy holds for nothing: it is scoped and has no targets", detail);
  }
  if (spec.allowed_models?.length === 0) {
    const detail = "Name the models that may be called, or leave the field out.";
    remarks.remark("/allowed_models", "an empty `allowed_models` restricts nothing: every model may be called", detail);
  }
  checkPolicyRules(spec, remarks);
}

/** Read by the gate's own reader: what it could not read would deny everything in the policy's scope. */
function checkPolicyRules(spec: AgentPolicySpec, remarks: Remarks): void {
  const { rules, budgets, rate, input_labels, flow, sequence, egress } = spec;
  const judged = { rules, budgets, rate, input_labels, flow, sequence, egress };
  const { errors } = compilePolicy({ address: "", namespace: "", name: "", spec: judged });
  for (const error of errors) remarks.refuse(pointerOf(error), error.message, adviceOn(error));
}

/** `spec.rules[0].must.amount` → `/rules/0/must/amount`. Where a name holds a dot, the nearest place that exists is shown. */
function pointerOf({ rule }: SpecError): string {
  return rule
    .replace(/^spec/, "")
    .replace(/\[([0-9]+)\]/g, "/$1")
    .replaceAll(".", "/");
}

function adviceOn({ rule, message }: SpecError): string {
  if (!message.endsWith("is unknown")) return "";
  const word = rule.slice(rule.lastIndexOf(".") + 1);
  const near = nearMatch(word, MATCHER_WORDS);
  return near === undefined ? `A matcher consists of ${MATCHER_WORDS.join(", ")}.` : `Did you mean \`${near}\`?`;
}

export function checkToolPermission(spec: ToolPermissionSpec, remarks: Remarks): void {
  if (spec.apply_mode === "scoped" && (spec.target_agents ?? []).length === 0) {
    remarks.refuse("/apply_mode", "a scoped permission needs `target_agents`");
  }
}
