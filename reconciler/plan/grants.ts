// Which tools each agent may call: policies/decide is asked for every tool that it lists, in every system it is part of.
import { type Address, type AddressParts, addressOf, DEFAULT_NAMESPACE } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import { decide } from "../../policies/decide.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../../policies/policy-set.ts";
import type { AgentGrants, ToolFacts, Verdict } from "../../policies/request.ts";
import { readToolFacts, servedPrefix, type ToolSource } from "./tool-facts.ts";

export interface Holder {
  readonly address: Address;
  readonly digest: Digest;
  readonly manifest: Manifest;
}

export interface AccessModel extends ToolSource {
  /** Short name → the agent's manifest. */
  readonly agents: ReadonlyMap<string, Manifest>;
  /** Short name of an agent → the systems that list it, sorted. */
  readonly systems: ReadonlyMap<string, readonly Manifest[]>;
  readonly policies: PolicySet;
}

export interface Grant {
  readonly tool: string;
  readonly granted: boolean;
  /** `orders.lookup (read)`, `stripe.refund (write, asks first)`, `x (read) in billing`. */
  readonly text: string;
  /** Manifests that this grant, or its absence, depends on. */
  readonly related: readonly Address[];
}

/** `name`, or `namespace/name` outside the default namespace. */
export function shortName({ namespace, name }: Pick<AddressParts, "namespace" | "name">): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}

export function readAccessModel(holders: readonly Holder[]): AccessModel {
  const agents = holders.filter(({ manifest }) => manifest.kind === "Agent");
  const servers = holders.filter(({ manifest }) => manifest.kind === "McpServer");
  return {
    agents: new Map(agents.map(({ manifest }) => [shortName(manifest.metadata), manifest])),
    systems: systemsByAgent(holders),
    served: new Set(servers.map(({ manifest }) => servedPrefix(manifest))),
    manifests: new Map(holders.map(({ address, manifest }) => [address, manifest])),
    policies: compilePolicies(policySources(holders), policyDigestOf(holders)),
  };
}

function systemsByAgent(holders: readonly Holder[]): Map<string, Manifest[]> {
  const systems = new Map<string, Manifest[]>();
  for (const { manifest } of holders) {
    for (const agent of specOf(manifest, "AgentSystem")?.agents ?? []) {
      const name = shortName({ namespace: manifest.metadata.namespace, name: agent });
      const listed = systems.get(name);
      if (listed === undefined) systems.set(name, [manifest]);
      else listed.push(manifest);
    }
  }
  return systems;
}

function policySources(holders: readonly Holder[]): PolicySource[] {
  return holders.flatMap(({ address, manifest: { kind, metadata, spec } }) => {
    if (kind !== "AgentPolicy" && kind !== "AgentRole" && kind !== "ToolPermission") return [];
    return [{ address, kind, namespace: metadata.namespace, name: metadata.name, spec }];
  });
}

/** One grant a tool where all systems agree, else one a tool and system. */
export function grantsOf(model: AccessModel, agent: string): Grant[] {
  const manifest = model.agents.get(agent);
  if (manifest === undefined) return [];
  const grants = readGrants(manifest);
  const tools = [...new Set([...grants.tools, ...grants.allowedTools])].toSorted();
  return tools.flatMap((tool) => toolGrants({ model, agent, manifest, grants, tool }));
}

function readGrants(manifest: Manifest): AgentGrants {
  const spec = specOf(manifest, "Agent");
  return { tools: spec?.tools ?? [], allowedTools: spec?.allowed_tools ?? [], roles: spec?.roles ?? [] };
}

interface ToolInput {
  readonly model: AccessModel;
  readonly agent: string;
  readonly manifest: Manifest;
  readonly grants: AgentGrants;
  readonly tool: string;
}

function toolGrants(input: ToolInput): Grant[] {
  const { model, agent, manifest, tool } = input;
  const facts = readToolFacts(tool, manifest.metadata.namespace, model);
  const systems = model.systems.get(agent) ?? [];
  const names = systems.length === 0 ? [ANY] : systems.map(({ metadata }) => metadata.name).toSorted();
  const answers = names.map((system) => ({ system, verdict: ask(input, facts, system) }));
  const related = relatedOf(
    input,
    answers.flatMap(({ verdict }) => verdict.reasons.map(({ policy }) => policy)),
  );
  const agree = new Set(answers.map(({ verdict }) => verdict.effect)).size === 1;
  return (agree ? answers.slice(0, 1) : answers).map(({ system, verdict }) => ({
    tool,
    granted: verdict.effect !== "deny",
    text: `${tool} (${wordsOf(facts, verdict)})${agree ? "" : ` in ${system}`}`,
    related,
  }));
}

/** Stands for any task and, where no system lists the agent, for any system: no manifest can have this name. */
const ANY = "(any)";

/**
 * Nothing is spent and no argument is known: what is asked is whether the agent may call the tool at all. What only a
 * policy in audit mode objects to is carried out, so it is access.
 */
function ask({ model, manifest, grants }: ToolInput, tool: ToolFacts, system: string): Verdict {
  const { namespace, name } = manifest.metadata;
  const subject = { namespace, system, task: ANY, agent: name };
  const request = {
    point: "before_tool",
    subject,
    grants,
    tool,
    arguments: {},
    usage: { tokens: 0, calls: {} },
  } as const;
  const verdict = decide(request, model.policies);
  return verdict.enforced ? verdict : { effect: "allow", code: "ALLOWED", reasons: verdict.reasons, enforced: true };
}

function wordsOf({ operationClasses }: ToolFacts, { effect }: Verdict): string {
  return [...operationClasses, ...(effect === "ask" ? ["asks first"] : [])].join(", ");
}

function relatedOf({ model, agent, manifest, grants, tool }: ToolInput, policies: readonly string[]): Address[] {
  const { namespace } = manifest.metadata;
  const roles = grants.roles.map((name) => addressOf({ kind: "AgentRole", namespace, name }));
  const systems = (model.systems.get(agent) ?? []).map(({ metadata }) =>
    addressOf({ kind: "AgentSystem", namespace: metadata.namespace, name: metadata.name }),
  );
  return [...(policies as Address[]), ...roles, addressOf({ kind: "Tool", namespace, name: tool }), ...systems];
}
