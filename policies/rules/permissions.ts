// Step 5: roles and ToolPermissions. `allowed_tools` stands in for both, and for nothing else.
import type { CompiledPermission } from "../compiled.ts";
import { deny, type Finding, reasonOf } from "../finding.ts";
import { permissionKey, scopedKey, toolKey } from "../names.ts";
import type { PolicySet } from "../policy-set.ts";
import type { AgentGrants, Subject, ToolFacts } from "../request.ts";
import { agentAddress, permissionAppliesTo, type SubjectKeys } from "../scope.ts";

/** What the agent's roles and the tool's ToolPermissions say; `relevant` are those of this tool and agent. */
export function findPermissions(
  set: PolicySet,
  subject: Subject,
  grants: AgentGrants,
  tool: ToolFacts,
  relevant: readonly CompiledPermission[],
): Finding[] {
  const key = toolKey(tool.name);
  if (grants.allowedTools.some((name) => toolKey(name) === key)) return [];
  const held = holdRoles(set, subject, grants);
  if (held.findings.length > 0) return [...held.findings];
  const lacking =
    relevant.length > 0 ? findUnmet(relevant, held.permissions, tool) : findDefault(subject, grants, held, tool);
  if (lacking.length > 0) return lacking;
  return grants.roles.length === 0 && relevant.length === 0 ? [] : [granted(subject, relevant)];
}

/** ToolPermissions that this call must meet. One whose tool cannot be read may be about any. */
export function relevantPermissions(set: PolicySet, subject: SubjectKeys, tool: ToolFacts): CompiledPermission[] {
  const key = toolKey(tool.name);
  return set.permissions.filter(
    (permission) => (permission.tool === null || permission.tool === key) && permissionAppliesTo(permission, subject),
  );
}

/** What roles must give for this tool, by the keys that roles keep their permissions under. */
export function neededPermissions(relevant: readonly CompiledPermission[], tool: ToolFacts): ReadonlySet<string> {
  if (relevant.length === 0) return new Set(defaultPermissions(tool, "invoke"));
  return new Set(relevant.flatMap((permission) => requiredBy(permission, tool)));
}

function requiredBy({ required, action }: CompiledPermission, tool: ToolFacts): readonly string[] {
  return required.length > 0 ? required : defaultPermissions(tool, action);
}

interface Held {
  readonly permissions: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

function holdRoles(set: PolicySet, subject: Subject, grants: AgentGrants): Held {
  const permissions = new Set<string>();
  const findings: Finding[] = [];
  for (const [index, name] of grants.roles.entries()) {
    const role = set.roles.get(scopedKey(subject.namespace, name));
    const rule = `spec.roles[${index}]`;
    if (role === undefined) {
      findings.push(deny(agentAddress(subject), "ROLE_MISSING", rule, `there is no AgentRole \`${name}\``, "roles"));
    }
    for (const message of role?.errors ?? []) {
      findings.push(deny(role?.address ?? "", "POLICY_ERROR", "spec.permissions", message));
    }
    for (const permission of role?.permissions ?? []) permissions.add(permission);
  }
  return { permissions, findings };
}

function findUnmet(relevant: readonly CompiledPermission[], held: ReadonlySet<string>, tool: ToolFacts): Finding[] {
  return relevant.flatMap((permission) => {
    const required = requiredBy(permission, tool);
    const missing = required.filter((name) => !held.has(name));
    if (permission.anyOf ? missing.length < required.length : missing.length === 0) return [];
    const message = `the roles lack ${permission.anyOf ? "any of " : ""}${quoted(missing)}`;
    return [deny(permission.address, "PERMISSION_MISSING", "spec.required_permissions", message, "roles")];
  });
}

/** No ToolPermission is about this tool: roles must name it and its capabilities; without roles there is nothing to meet. */
function findDefault(subject: Subject, grants: AgentGrants, held: Held, tool: ToolFacts): Finding[] {
  if (grants.roles.length === 0) return [];
  const missing = defaultPermissions(tool, "invoke").filter((name) => !held.permissions.has(name));
  if (missing.length === 0) return [];
  const message = `the roles lack ${quoted(missing)}`;
  return [deny(agentAddress(subject), "PERMISSION_MISSING", "spec.roles", message, "roles")];
}

function defaultPermissions(tool: ToolFacts, action: string): string[] {
  return [
    permissionKey(`tool:${toolKey(tool.name)}:${action}`),
    ...tool.capabilities.map((capability) => permissionKey(`capability:${capability}`)),
  ];
}

function granted(subject: Subject, relevant: readonly CompiledPermission[]): Finding {
  const [first] = relevant;
  return first === undefined
    ? { effect: "allow", reason: reasonOf(agentAddress(subject), "spec.roles", "the agent's roles permit it") }
    : { effect: "allow", reason: reasonOf(first.address, "spec", "the agent's roles meet every ToolPermission") };
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}
