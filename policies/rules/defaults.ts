// Step 8: what nothing allows is denied, where a policy says `default: deny` or ToolPermissions are in use.
import type { CompiledPolicy } from "../compiled.ts";
import { deny, denyBy, type Finding } from "../finding.ts";
import { toolKey } from "../names.ts";
import type { PolicySet } from "../policy-set.ts";
import type { AgentGrants, Subject, ToolFacts } from "../request.ts";
import { agentAddress } from "../scope.ts";

/** What a policy in audit mode allows counts for policies in audit mode only: it must not widen anything. */
export function findDefaultDeny(
  policies: readonly CompiledPolicy[],
  findings: readonly Finding[],
  name: string,
): Finding[] {
  const allows = findings.filter((finding) => finding.effect === "allow");
  const enforced = allows.some((finding) => finding.policy?.audit !== true);
  return policies
    .filter((policy) => policy.defaultDeny && !(policy.audit ? allows.length > 0 : enforced))
    .map((policy) => denyBy(policy, "DEFAULT_DENY", "spec.default", `nothing allows \`${name}\``));
}

/** Orloj's simple path, an agent without roles, ends where the namespace has ToolPermissions. */
export function findUngranted(
  set: PolicySet,
  subject: Subject,
  grants: AgentGrants,
  tool: ToolFacts,
  findings: readonly Finding[],
): Finding[] {
  if (grants.roles.length > 0 || findings.some((finding) => finding.effect === "allow")) return [];
  if (!set.permissions.some((permission) => permission.namespace === subject.namespace)) return [];
  if (grants.allowedTools.some((name) => toolKey(name) === toolKey(tool.name))) return [];
  const message = `the agent has no roles, the namespace has ToolPermissions, and none of them allows \`${tool.name}\``;
  return [deny(agentAddress(subject), "DEFAULT_DENY", "spec.roles", message, "roles")];
}
