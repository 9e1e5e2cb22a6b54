// The digest of a set of policies: the same for the plan that shows them and the gate that decides by them.
import type { Address, KindName } from "./address.ts";
import { type Digest, digestOf } from "./canonical.ts";

const POLICY_KINDS: readonly KindName[] = ["AgentPolicy", "AgentRole", "ToolPermission"];

export function isPolicyKind(kind: KindName): boolean {
  return POLICY_KINDS.includes(kind);
}

/** By the address: a manifest of a large set may not be at hand. */
const IS_POLICY = new RegExp(`^(?:${POLICY_KINDS.join("|")})/`);

interface Addressed {
  readonly address: Address;
  readonly digest: Digest;
}

/** Over everything that the gate decides from, in the order of addresses. */
export function policyDigestOf(manifests: Iterable<Addressed>): Digest {
  const policies = [...manifests].filter(({ address }) => IS_POLICY.test(address));
  const pairs = policies.map(({ address, digest }) => [address, digest] as const);
  return digestOf(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
