// Rules of AgentPolicies and ToolPermissions that no schema can tell.
import type { AgentPolicySpec } from "../../../contracts/kinds/agent-policy.ts";
import type { ToolPermissionSpec } from "../../../contracts/kinds/tool-permission.ts";
import type { Remarks } from "./remarks.ts";

export function checkAgentPolicy(spec: AgentPolicySpec, remarks: Remarks): void {
  const targets = [...(spec.target_systems ?? []), ...(spec.target_tasks ?? []), ...(spec.target_agents ?? [])];
  if (spec.apply_mode !== "global" && targets.length === 0) {
    const detail = "Name `target_systems`, `target_tasks` or `target_agents`, or write `apply_mode: global`.";
    remarks.complain("", "the policy holds for nothing: it is scoped and has no targets", detail);
  }
}

export function checkToolPermission(spec: ToolPermissionSpec, remarks: Remarks): void {
  if (spec.apply_mode === "scoped" && (spec.target_agents ?? []).length === 0) {
    remarks.refuse("/apply_mode", "a scoped permission needs `target_agents`");
  }
}
