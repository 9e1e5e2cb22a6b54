// Whether the base's policies, roles and permissions would judge what a pull request calls otherwise as they judge what it is
// called in the base. A name that they do not know must be no way around them. Pure.
import { type Address, addressOf } from "../../contracts/address.ts";
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { tellsSubjectsApart } from "../../policies/scope.ts";
import { policySetOf } from "../plan/access-model.ts";

export interface SubjectRules {
  /** Why this agent may not run as it is written in the head; undefined: it may. */
  agent(agent: Manifest): string | undefined;
  /** The same of an AgentSystem. */
  system(system: Manifest): string | undefined;
  task(task: Manifest): string | undefined;
}

export function subjectRules(records: ReadonlyMap<Address, StateRecord>): SubjectRules {
  const set = policySetOf([...records.values()]);
  const { policies, permissions, roles } = set;
  const bySubject = tellsSubjectsApart(set) || permissions.some(({ agents }) => agents !== null);
  const byRole = permissions.length > 0 || roles.size > 0;
  const byTask = policies.some(({ scope, rules }) => scope.tasks.length > 0 || rules.some(({ when }) => when !== null));
  const inBase = (manifest: Manifest): Manifest | undefined => records.get(addressIn(manifest))?.manifest;
  return {
    agent: (agent) => {
      const before = inBase(agent);
      if (before === undefined && bySubject) return unknown("Agent", agent);
      return judgeGrants(agent, before, byRole);
    },
    system: (system) => {
      if (!bySubject) return undefined;
      const before = inBase(system);
      if (before === undefined) return unknown("AgentSystem", system);
      const known = specOf(before, "AgentSystem")?.agents ?? [];
      const other = (specOf(system, "AgentSystem")?.agents ?? []).find((agent) => !known.includes(agent));
      if (other === undefined) return undefined;
      return `\`${other}\` is none of the agents of AgentSystem \`${system.metadata.name}\` in the base, whose policies go by names`;
    },
    task: (task) => (byTask && inBase(task) === undefined ? unknown("Task", task) : undefined),
  };
}

/** What an agent claims for itself: roles may add and, where they are left out, take away what it has to show. */
function judgeGrants(agent: Manifest, before: Manifest | undefined, byRole: boolean): string | undefined {
  const spec = specOf(agent, "Agent");
  if (spec === undefined) return undefined;
  const { name } = agent.metadata;
  const base = before === undefined ? undefined : specOf(before, "Agent");
  if (base === undefined) {
    if (!claims(spec) && !(byRole && reaches(spec))) return undefined;
    return `Agent \`${name}\` is new, and nothing in the base gives it the roles or the tools that it lists`;
  }
  const role = difference(spec.roles, base.roles) ?? difference(base.roles, spec.roles);
  if (role !== undefined) return `Agent \`${name}\` has other roles than in the base (\`${role}\`)`;
  const tool = difference(spec.allowed_tools, base.allowed_tools);
  if (tool !== undefined) return `Agent \`${name}\` allows itself \`${tool}\`, which it does not in the base`;
  return undefined;
}

function claims({ roles = [], allowed_tools: allowed = [] }: AgentSpec): boolean {
  return roles.length + allowed.length > 0;
}

function reaches({ tools = [], memory }: AgentSpec): boolean {
  return tools.length > 0 || memory !== undefined;
}

function difference(some: readonly string[] = [], others: readonly string[] = []): string | undefined {
  return some.find((name) => !others.includes(name));
}

function unknown(kind: string, { metadata }: Manifest): string {
  return `${kind} \`${metadata.name}\` is new, and the base has policies that go by names`;
}

function addressIn({ kind, metadata: { namespace, name } }: Manifest): Address {
  return addressOf({ kind, namespace, name });
}
