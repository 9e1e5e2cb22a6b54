// Which policies a request falls under (SEMANTICS, step 1).
import type { CompiledPermission, CompiledPolicy, Entry } from "./compiled.ts";
import { matchesPattern, scopedKey } from "./names.ts";
import type { Subject } from "./request.ts";

/**
 * A policy applies to a system or a task that it lists, a global one to everything in the environment, in every
 * namespace; `target_agents` narrows either down to these agents, and stands alone where nothing else is listed. The
 * first two as in Orloj, where a scoped policy with agents only never applies: a trap that we leave out. Scoped without
 * any target applies to nothing.
 */
export function appliesTo({ scope }: CompiledPolicy, subject: Subject): boolean {
  const { namespace, system, task, agent } = subject;
  const listed = scope.agents.length === 0 || hasKey(scope.agents, scopedKey(namespace, agent));
  if (!listed) return false;
  if (scope.everywhere) return true;
  if (hasKey(scope.systems, scopedKey(namespace, system)) || hasKey(scope.tasks, scopedKey(namespace, task)))
    return true;
  return scope.systems.length === 0 && scope.tasks.length === 0 && scope.agents.length > 0;
}

/** A ToolPermission is about tools and agents of its own namespace. */
export function permissionAppliesTo(permission: CompiledPermission, subject: Subject): boolean {
  if (permission.namespace !== subject.namespace) return false;
  return permission.agents === null || hasKey(permission.agents, scopedKey(subject.namespace, subject.agent));
}

export function hasKey(entries: readonly Entry[], key: string): boolean {
  return findEntry(entries, key) !== undefined;
}

export function findEntry(entries: readonly Entry[], key: string): Entry | undefined {
  return entries.find((entry) => matchesPattern(entry.pattern, key));
}

export function agentAddress(subject: Subject): string {
  return `Agent/${subject.namespace}/${subject.agent}`;
}
