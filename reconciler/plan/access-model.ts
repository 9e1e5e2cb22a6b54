// What a set of manifests says about who may call what, read once: agents, their systems, tools, models and policies.
import { type Address, type AddressParts, addressOf, DEFAULT_NAMESPACE } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import type { Bound } from "../../policies/bounds.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../../policies/policy-set.ts";
import type { Verdict } from "../../policies/request.ts";
import { tellsSubjectsApart } from "../../policies/scope.ts";
import { type ToolSource, toolSourceOf } from "./tool-facts.ts";

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
  /** By endpoint, what was answered about its model; undefined where it depends on who asks. Ten thousand agents ask. */
  readonly modelAnswers: Map<Manifest, Answer> | undefined;
}

/** What the evaluator says of a call, and what bounds it. */
export interface Answer {
  readonly verdict: Verdict;
  readonly bounds: readonly Bound[];
}

/** `name`, or `namespace/name` outside the default namespace. */
export function shortName({ namespace, name }: Pick<AddressParts, "namespace" | "name">): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}

export function readAccessModel(holders: readonly Holder[]): AccessModel {
  const agents = holders.filter(({ manifest }) => manifest.kind === "Agent");
  const policies = policySetOf(holders);
  return {
    agents: new Map(agents.map(({ manifest }) => [shortName(manifest.metadata), manifest])),
    systems: systemsByAgent(holders),
    ...toolSourceOf(holders.map(({ address, manifest }) => [address, manifest])),
    policies,
    modelAnswers: tellsSubjectsApart(policies) ? undefined : new Map(),
  };
}

/** Compiled with the digest that a plan and a decision show for the same manifests. */
export function policySetOf(holders: readonly Holder[]): PolicySet {
  return compilePolicies(policySources(holders), policyDigestOf(holders));
}

function policySources(holders: readonly Holder[]): PolicySource[] {
  return holders.flatMap(({ address, manifest: { kind, metadata, spec } }) => {
    if (kind !== "AgentPolicy" && kind !== "AgentRole" && kind !== "ToolPermission") return [];
    return [{ address, kind, namespace: metadata.namespace, name: metadata.name, spec }];
  });
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

/** The ModelEndpoint that a reference of an agent means. */
export function findEndpoint(
  { manifests }: Pick<AccessModel, "manifests">,
  namespace: string,
  reference: string,
): Manifest | undefined {
  const [first = "", second] = reference.split("/");
  const parts = second === undefined ? { namespace, name: first } : { namespace: first, name: second };
  return manifests.get(addressOf({ kind: "ModelEndpoint", ...parts }));
}
