// A compiled set of policies: what AgentPolicies, AgentRoles and ToolPermissions say, read once, ready to decide from.
import { compilePermission } from "./compile/permission.ts";
import { compilePolicy } from "./compile/policy.ts";
import { compileRole } from "./compile/role.ts";
import type { CompiledPermission, CompiledPolicy, CompiledRole, SpecSource } from "./compiled.ts";

export interface PolicySource extends SpecSource {
  readonly kind: "AgentPolicy" | "AgentRole" | "ToolPermission";
}

export interface PolicySet {
  /** Given by the caller: names the manifests that the set was made of. */
  readonly digest: string;
  readonly policies: readonly CompiledPolicy[];
  readonly roles: ReadonlyMap<string, CompiledRole>;
  readonly permissions: readonly CompiledPermission[];
}

/**
 * Never throws: what cannot be read becomes part of the set and denies wherever it might have applied. The order of the
 * sources means nothing.
 */
export function compilePolicies(sources: readonly PolicySource[], digest: string): PolicySet {
  const sorted = sources.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return {
    digest,
    policies: sorted.filter((source) => source.kind === "AgentPolicy").map(compilePolicy),
    roles: compileRoles(sorted.filter((source) => source.kind === "AgentRole")),
    permissions: sorted.filter((source) => source.kind === "ToolPermission").map(compilePermission),
  };
}

/** Two roles of one name cannot happen in a state; should they, nobody knows which one counts, so neither does. */
function compileRoles(sources: readonly PolicySource[]): ReadonlyMap<string, CompiledRole> {
  const roles = new Map<string, CompiledRole>();
  for (const source of sources) {
    const role = compileRole(source);
    const twin = roles.has(role.key);
    roles.set(role.key, twin ? { ...role, permissions: new Set(), errors: ["two roles have this name"] } : role);
  }
  return roles;
}
