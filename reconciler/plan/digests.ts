// The two digests that bind a plan to what surrounds it: the policy that will hold, and the environment's configuration.
import type { Address, KindName } from "../../contracts/address.ts";
import { type Digest, digestOf } from "../../contracts/canonical.ts";

const POLICY_KINDS: readonly KindName[] = ["AgentPolicy", "AgentRole", "ToolPermission"];

export function isPolicyKind(kind: KindName): boolean {
  return POLICY_KINDS.includes(kind);
}

interface Addressed {
  readonly address: Address;
  readonly digest: Digest;
  readonly manifest: { readonly kind: KindName };
}

/** Over everything that the gate decides from, in the order of addresses. */
export function policyDigestOf(manifests: Iterable<Addressed>): Digest {
  const policies = [...manifests].filter(({ manifest }) => isPolicyKind(manifest.kind));
  const pairs = policies.map(({ address, digest }) => [address, digest] as const);
  return digestOf(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export interface EnvironmentConfig {
  readonly env: string;
  readonly repo: string;
  readonly ref: string | null;
  readonly path: string;
}

/** Over what makes an environment: a repository, a ref, a directory. */
export function configDigestOf({ env, repo, ref, path }: EnvironmentConfig): Digest {
  return digestOf({ env, repo, ref, path });
}
