// Which policies a request falls under (SEMANTICS, step 1).
import type { CompiledPermission, CompiledPolicy, Entry } from "./compiled.ts";
import { matchesPattern, scopedKey } from "./names.ts";
import type { PolicySet } from "./policy-set.ts";
import type { Subject } from "./request.ts";

/** The subject's names as lists of policies hold them, made once a request. */
export interface SubjectKeys {
  readonly namespace: string;
  readonly system: string;
  readonly task: string;
  readonly agent: string;
}

export function subjectKeys({ namespace, system, task, agent }: Subject): SubjectKeys {
  const key = (name: string): string => scopedKey(namespace, name);
  return { namespace, system: key(system), task: key(task), agent: key(agent) };
}

/**
 * A policy applies to a system or a task that it lists, a global one to everything in the environment, in every
 * namespace; `target_agents` narrows either down to these agents, and stands alone where nothing else is listed. The
 * first two as in Orloj, where a scoped policy with agents only never applies: a trap that we leave out. Scoped without
 * any target applies to nothing.
 */
export function appliesTo({ scope }: CompiledPolicy, { system, task, agent }: SubjectKeys): boolean {
  if (scope.agents.length > 0 && !hasKey(scope.agents, agent)) return false;
  if (scope.everywhere || hasKey(scope.systems, system) || hasKey(scope.tasks, task)) return true;
  return scope.systems.length === 0 && scope.tasks.length === 0 && scope.agents.length > 0;
}

/** Whether an AgentPolicy may answer one subject otherwise than another. Where none can, one answer is good for all. */
export function tellsSubjectsApart({ policies }: Pick<PolicySet, "policies">): boolean {
  return policies.some(
    ({ scope, rules, flow }) =>
      !scope.everywhere ||
      scope.agents.length > 0 ||
      rules.some(({ agents, when }) => agents !== null || when !== null) ||
      flow.some(({ to }) => to.agents !== null),
  );
}

/** A ToolPermission is about tools and agents of its own namespace. */
export function permissionAppliesTo({ namespace, agents }: CompiledPermission, subject: SubjectKeys): boolean {
  return namespace === subject.namespace && (agents === null || hasKey(agents, subject.agent));
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
