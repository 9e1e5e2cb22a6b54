// What a task runs with: the manifests of its snapshot, found by reference, and its policies, compiled once.
import { type Address, addressOf, type KindName, parseAddress } from "../contracts/address.ts";
import type { Digest } from "../contracts/canonical.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import { type Graph, readGraph } from "../contracts/graph.ts";
import { type SpecTypes, specOf } from "../contracts/kinds.ts";
import type { Manifest } from "../contracts/manifest.ts";
import { policyDigestOf } from "../contracts/policy-digest.ts";
import type { Snapshot } from "../contracts/snapshot.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../policies/policy-set.ts";

export interface Definitions {
  readonly snapshot: Snapshot;
  readonly policies: PolicySet;
  /** Throws PermanentFailure DEFINITION_MISSING. */
  graph(namespace: string, system: string): Graph;
  spec<K extends KindName>(kind: K, namespace: string, reference: string): SpecTypes[K];
  manifest(kind: KindName, namespace: string, reference: string): Manifest;
}

export function readDefinitions(snapshot: Snapshot): Definitions {
  const manifest = (kind: KindName, namespace: string, reference: string): Manifest =>
    findManifest(snapshot, kind, namespace, reference);
  const spec = <K extends KindName>(kind: K, namespace: string, reference: string): SpecTypes[K] =>
    specOrFail(manifest(kind, namespace, reference), kind);
  return {
    snapshot,
    policies: policiesOf(entriesOf(snapshot)),
    manifest,
    spec,
    graph: (namespace, system) => readGraph(spec("AgentSystem", namespace, system)),
  };
}

export interface PolicyHolder {
  readonly address: Address;
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/** The policies of any set of records, with the digest that a plan shows for the same set. */
export function policiesOf(holders: readonly PolicyHolder[]): PolicySet {
  const sources = holders.flatMap(({ address, manifest: { kind, metadata, spec } }): PolicySource[] => {
    if (kind !== "AgentPolicy" && kind !== "AgentRole" && kind !== "ToolPermission") return [];
    return [{ address, kind, namespace: metadata.namespace, name: metadata.name, spec }];
  });
  return compilePolicies(sources, policyDigestOf(holders));
}

function entriesOf(snapshot: Snapshot): PolicyHolder[] {
  return Object.values(snapshot.entries).map(({ manifest, digest }) => {
    const { kind, metadata } = manifest;
    return { address: addressOf({ kind, namespace: metadata.namespace, name: metadata.name }), manifest, digest };
  });
}

/** A reference is `name`, in the namespace of whoever names it, or `namespace/name`. */
function findManifest(snapshot: Snapshot, kind: KindName, namespace: string, reference: string): Manifest {
  const qualified = reference.includes("/") ? reference : `${namespace}/${reference}`;
  const parts = parseAddress(`${kind}/${qualified}`);
  const entry = parts === undefined ? undefined : snapshot.entries[addressOf(parts)];
  if (entry !== undefined) return entry.manifest;
  const message = `the definitions of this task hold no ${kind} \`${reference}\``;
  throw new PermanentFailure("DEFINITION_MISSING", message, { details: { kind, namespace, reference } });
}

function specOrFail<K extends KindName>(manifest: Manifest, kind: K): SpecTypes[K] {
  const spec = specOf(manifest, kind);
  if (spec === undefined) throw new PermanentFailure("DEFINITION_MISSING", `no ${kind} where one should be`);
  return spec;
}
